// The load generator's own process: what the server or the test does to the event loop cannot slow the arrivals.
import { afterPoll, LoadClient } from "./load-client.ts";
import {
  DEFAULT_MAX_MS,
  DEFAULT_TIMEOUT_MS,
  type FromLoadProcess,
  type LoadOptions,
  type Sample,
} from "./load.ts";

const PROGRESS_MS = 50;

process.once("message", (message) => {
  run(message as LoadOptions).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.once("disconnect", () => process.exit(0));

async function run(options: LoadOptions): Promise<void> {
  const samples: Sample[] = [];
  let failed = 0;
  const clients = options.streams.map(
    (stream) =>
      new LoadClient({
        stream,
        host: options.host ?? "127.0.0.1",
        port: options.port,
        version: options.version === undefined ? undefined : new RegExp(options.version),
        timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        record: (sample) => {
          samples.push(sample);
          if (sample.failure !== undefined) failed += 1;
        },
      }),
  );
  const progress = setInterval(() => {
    const version = samples.at(-1)?.version;
    tell({ type: "progress", progress: { done: samples.length, failed, version } });
  }, PROGRESS_MS);

  await arrivals(clients, options.maxMs ?? DEFAULT_MAX_MS);
  for (const client of clients) await client.drained();
  clearInterval(progress);
  tell({ type: "end", samples }, () => process.disconnect());
}

/** Lets every client send what is due, until stopped or for maxMs. Between two requests it sleeps. */
function arrivals(clients: readonly LoadClient[], maxMs: number): Promise<void> {
  const endAt = Date.now() + maxMs;
  return new Promise((resolve) => {
    let stopped = false;
    let sleep: NodeJS.Timeout | undefined;
    process.once("message", () => {
      stopped = true;
      clearTimeout(sleep);
      resolve();
    });
    const tick = (): void => {
      const now = Date.now();
      if (stopped) return;
      if (now >= endAt) return resolve();
      for (const client of clients) client.sendDue(now);
      const nextAt = Math.min(endAt, ...clients.map((client) => client.nextAt));
      sleep = afterPoll(Math.max(1, nextAt - Date.now()), tick);
    };
    tick();
  });
}

function tell(message: FromLoadProcess, sent?: () => void): void {
  process.send?.(message, undefined, undefined, sent);
}
