import { report } from "./load-report.ts";
import { startLoad, type Load, type LoadOptions, type LoadStream } from "./load.ts";

const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 400, connections: 50 },
  { name: "connection per request", perSecond: 300, connections: "fresh" },
  { name: "post in two halves", perSecond: 300, connections: 50, halvesApartMs: 20 },
];
/** Shares of that rate, tried one after the other. */
const SHARES = [1, 0.5, 0.25, 0.1];
/** With more before any deploy, the machine is too slow or too busy, and a deploy would be blamed for it. Milliseconds. */
const MOST_P99_MS = 200;
/** Of these the first third warms up. Seconds. */
const TRIED_S = 1.5;

/** Starts the highest rate of requests that this machine carries beside what it does. */
export async function startFittingLoad(
  options: Omit<LoadOptions, "streams">,
): Promise<{ readonly load: Load; readonly perSecond: number }> {
  let p99 = 0;
  for (const share of SHARES) {
    const streams = STREAMS.map((each) => ({ ...each, perSecond: each.perSecond * share }));
    const perSecond = streams.reduce((sum, each) => sum + each.perSecond, 0);
    const tried = await startLoad({ ...options, streams });
    await tried.until(({ done }) => done > perSecond * TRIED_S, "the load is under way");
    const samples = await tried.stop();
    p99 = report(samples.slice(samples.length / 3))["all"]?.p99 ?? 0;
    if (p99 <= MOST_P99_MS) return { load: await startLoad({ ...options, streams }), perSecond };
    console.log(
      `  ${perSecond} requests a second are too many beside what this machine does (p99 ${p99} ms before any deploy)`,
    );
  }
  throw new Error(
    `This machine is too busy for the demo: p99 ${p99} ms before any deploy. Try again when it is idle.`,
  );
}
