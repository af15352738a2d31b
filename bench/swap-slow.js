// npm run bench:swap -- --slow [--swaps 10] [--front NAME,…]: how long other visitors wait, and what is lost, while a download
// of 20 s, an event stream, a WebSocket and a Socket.IO poller are in flight. The real command on each front.
import { report } from "../dist-test/rig/load-report.js";
import { startLoad } from "../dist-test/rig/load.js";
import { startSlowClients } from "./swap-slow-clients.js";
import { fronts } from "./swap-slow-fronts.js";
import { untilAnswers } from "./swap-systems.js";

const STEADY_MS = 15_000;
/** From a version's first answer to the next swap. */
const BETWEEN_MS = 3_000;
const MAX_MS = 30 * 60_000;
const STREAMS = [
  { name: "fresh", connections: "fresh", perSecond: 40 },
  { name: "keep-alive", connections: 8, perSecond: 40 },
];
/** The goal for the longest wait: so many times the steady p99, and so much more, milliseconds. */
const GOAL = { times: 2, moreMs: 100 };
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function slowTable(swaps, names = Object.keys(fronts)) {
  row(
    "front",
    "swaps",
    "lost of sent",
    "steady p99",
    "longest wait",
    "goal",
    "downloads broken",
    "event streams broken",
    "WebSockets not told 1001",
    "messages unanswered",
    "polls anew",
    "orders lost",
  );
  row(...Array(12).fill("---"));
  for (const name of names) {
    if (fronts[name] === undefined) throw new Error(`${name}: there is ${Object.keys(fronts).join(", ")}`);
    try {
      row(name, ...(await measure(fronts[name], swaps)));
    } catch (error) {
      row(name, `not measured: ${error.message.split("\n")[0]}`);
    }
  }
}

async function measure(start, swaps) {
  const front = await start();
  try {
    await untilAnswers(front.port, "1");
    const slow = startSlowClients(front.port);
    const load = await startLoad({ port: front.port, streams: STREAMS, maxMs: MAX_MS });
    await pause(STEADY_MS);
    const firstSwapAt = Date.now();
    const swappedAt = [];
    for (let swap = 1; swap <= swaps; swap += 1) {
      const version = String(swap + 1);
      swappedAt.push(Date.now());
      await front.swap(version);
      await untilAnswers(front.port, version);
      await pause(BETWEEN_MS);
    }
    const samples = await load.stop();
    const counts = await slow.end();
    const steady = report(samples.filter(({ doneAt }) => doneAt < firstSwapAt)).all;
    const swapping = report(samples.filter(({ dueAt }) => dueAt >= firstSwapAt)).all;
    for (const { stream, dueAt, failure, detail } of samples.filter((sample) => sample.failure)) {
      const sinceSwap = dueAt - (swappedAt.findLast((at) => at <= dueAt) ?? dueAt);
      console.error(`lost, ${sinceSwap} ms after a swap began: ${stream}: ${failure}, ${detail}`);
    }
    const limit = GOAL.times * steady.p99 + GOAL.moreMs;
    return [
      swaps,
      `${swapping.failed + steady.failed} of ${samples.length}`,
      `${steady.p99} ms`,
      `${swapping.max} ms`,
      `${limit} ms: ${swapping.max <= limit ? "met" : "missed"}`,
      `${counts.downloadsBroken} of ${counts.downloads}`,
      `${counts.eventsBroken} of ${counts.events}`,
      `${counts.socketsBroken} of ${counts.sockets}`,
      counts.messagesUnanswered,
      counts.polls,
      counts.ordersLost,
    ];
  } finally {
    await front.stop();
  }
}

function row(...cells) {
  console.log(`| ${cells.join(" | ")} |`);
}
