import cluster, { type Worker } from "node:cluster";

/** What the app's process tells the workers of its cluster. */
const STOP_MESSAGE = "inplace-deploy: stop";

/** Arguments of Node: what keeps it running is the channel to this process. */
const DOES_NOTHING = ["--eval", "/* nothing: in place of a worker of a cluster that ends */"] as const;

/** Calls back whenever a worker of this process's cluster begins to listen. */
export function onWorkerListening(listening: () => void): void {
  cluster.on("listening", listening);
}

/**
 * Asks all workers to drain; the exit codes when all have ended. Many apps start another one for each that has ended: from
 * now on that does nothing, and ends with this process. Were it ended at once, the app would go on starting them until then.
 */
export async function stopWorkers(): Promise<readonly (number | null)[]> {
  if (!cluster.isPrimary) return [];
  cluster.setupPrimary({ exec: "-", execArgv: [...DOES_NOTHING], args: [], silent: true });
  cluster.on("fork", (worker) => {
    // The app has set up anew what its workers run.
    if (!worker.process.spawnargs.includes(DOES_NOTHING[1])) worker.process.kill("SIGKILL");
  });
  return await Promise.all(Object.values(cluster.workers ?? {}).map(stopWorker));
}

export function hasWorkers(): boolean {
  return Object.keys(cluster.workers ?? {}).length > 0;
}

/** In a worker: calls back when the app asks it to stop. */
export function onStopMessage(stop: () => void): void {
  process.on("message", (message) => {
    if (message === STOP_MESSAGE) stop();
  });
}

async function stopWorker(worker: Worker | undefined): Promise<number | null> {
  if (worker === undefined || worker.isDead()) return 0;
  return await new Promise((done) => {
    worker.once("exit", (code: number | null) => done(code));
    if (worker.isConnected()) worker.send(STOP_MESSAGE, () => undefined);
  });
}
