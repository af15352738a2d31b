import cluster, { type Worker } from "node:cluster";
import { Server } from "node:net";
import { keptMs, type StoppableOptions } from "../../listener/options.ts";
import { drainConnections, recallDrain, stoppable } from "../../listener/stoppable.ts";
import { NOTHING_DRAINED, sumOf, type DrainOrder, type VisitorsDrained } from "./drain-order.ts";

/** Node hands messages whose `cmd` begins so to nobody but itself and us: no app is to see them (lib/internal/child_process.js). */
const CMD = "NODE_INPLACE";
/** What a worker of the cluster gets beyond the deadline to answer. */
const ANSWER_SLACK_MS = 1_000;

type ToClusterWorker =
  | {
      readonly cmd: typeof CMD;
      readonly inplace: "drain";
      readonly deadlineMs: number;
      readonly last: boolean;
    }
  | { readonly cmd: typeof CMD; readonly inplace: "recall" };
type FromClusterWorker = { readonly cmd: typeof CMD; readonly inplace: "drained" } & VisitorsDrained;

/** Lets the workers of this process's cluster drain what they have; they stay. */
export async function drainClusterWorkers(order: DrainOrder): Promise<readonly VisitorsDrained[]> {
  return await Promise.all(Object.values(cluster.workers ?? {}).map((worker) => drainOne(worker, order)));
}

/** Their drains are given up; what they have goes on. */
export function recallClusterWorkers(): void {
  for (const worker of Object.values(cluster.workers ?? {})) send(worker, { cmd: CMD, inplace: "recall" });
}

function drainOne(worker: Worker | undefined, { deadlineMs, last }: DrainOrder): Promise<VisitorsDrained> {
  return new Promise((resolve) => {
    if (worker === undefined || !worker.isConnected()) return resolve(NOTHING_DRAINED);
    const answered = (message: unknown): void => {
      if (isOurs<FromClusterWorker>(message) && message.inplace === "drained") done(message);
    };
    const gone = (): void => done(NOTHING_DRAINED);
    const limit = setTimeout(() => done({ served: 0, cut: 1 }), deadlineMs + ANSWER_SLACK_MS);
    const done = ({ served, cut }: VisitorsDrained): void => {
      clearTimeout(limit);
      worker.process.off("internalMessage", answered).off("exit", gone);
      resolve({ served, cut });
    };
    worker.process.on("internalMessage", answered).once("exit", gone);
    send(worker, { cmd: CMD, inplace: "drain", deadlineMs, last });
  });
}

function send(worker: Worker | undefined, message: ToClusterWorker): void {
  if (worker?.isConnected() === true) worker.process.send(message, undefined, undefined, () => undefined);
}

/** In a worker of a cluster: its servers drain when the app's first process says so. */
export function obeyClusterPrimary(options: StoppableOptions): void {
  const servers = new Set<Server>();
  // oxlint-disable-next-line typescript/unbound-method -- it is applied to its server again
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ...values: unknown[]): Server {
    servers.add(this);
    stoppable(this, options);
    return Reflect.apply(listen, this, values);
  } as typeof listen;
  const drain = async (order: DrainOrder): Promise<void> => {
    const ends = await Promise.all([...servers].map((server) => drainServer(server, order)));
    const message: FromClusterWorker = { cmd: CMD, inplace: "drained", ...sumOf(ends) };
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  // Not among the events that are typed.
  (process as NodeJS.EventEmitter).on("internalMessage", (message: unknown) => {
    if (!isOurs<ToClusterWorker>(message)) return;
    if (message.inplace === "drain") void drain(message);
    else for (const server of servers) recallDrain(server);
  });
}

async function drainServer(server: Server, { deadlineMs, last }: DrainOrder): Promise<VisitorsDrained> {
  const lingerMs = last ? {} : { lingerMs: keptMs(server) };
  const { served, cut } = await drainConnections(server, { deadlineMs, keepListening: true, ...lingerMs });
  return { served, cut: cut.length };
}

function isOurs<T>(message: unknown): message is T {
  return typeof message === "object" && message !== null && (message as { cmd?: unknown }).cmd === CMD;
}
