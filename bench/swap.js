// Swaps under load: node swap.js [--swaps 50] [--requests 100000] [--mode NAME,…] [--system NAME,…] prints a table.
// Requests are never retried, and their latency counts from the moment they were due.
import { parseArgs } from "node:util";
import { report } from "../dist-test/rig/load-report.js";
import { startLoad } from "../dist-test/rig/load.js";
import { systems } from "./swap-systems.js";

const MODES = {
  fresh: { connections: "fresh", perSecond: 500 },
  "keep-alive": { connections: 32, perSecond: 500 },
  halves: { connections: 32, perSecond: 300, halvesApartMs: 20, expect: " 24$" },
  slow: { connections: "fresh", perSecond: 200, path: "/slow" },
};
const { values } = parseArgs({
  options: {
    swaps: { type: "string", default: "50" },
    requests: { type: "string", default: "100000" },
    mode: { type: "string", default: Object.keys(MODES).join(",") },
    system: { type: "string", default: Object.keys(systems).join(",") },
    rate: { type: "string" },
  },
});
const swaps = Number(values.swaps);
const requests = Number(values.requests);

console.log(
  "| system | clients | requests | refused | reset or empty | timeouts | 5xx | p99 steady | p99 in swaps | notes |",
);
console.log("|---|---|---|---|---|---|---|---|---|---|");
for (const name of values.system.split(",")) {
  for (const mode of values.mode.split(",")) await measure(name, mode);
}
process.exit(0);

async function measure(name, mode) {
  const system = await systems[name]();
  const stream = { name: mode, ...MODES[mode], ...(values.rate && { perSecond: Number(values.rate) }) };
  const totalMs = (requests / stream.perSecond) * 1000;
  const load = await startLoad({ port: system.port, streams: [stream], maxMs: totalMs * 2 + 600_000 });
  const windows = [];
  const begun = Date.now();
  for (let swap = 1; swap <= swaps; swap += 1) {
    const due = begun + (swap * totalMs) / (swaps + 1);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - Date.now())));
    const from = Date.now();
    await system.swap(String(swap + 1));
    windows.push([from, Date.now()]);
  }
  await load.until(({ done }) => done >= requests, "all requests", totalMs + 600_000);
  const samples = await load.stop();
  const notes = await system.stop();
  const inSwap = samples.filter(({ dueAt }) => windows.some(([from, to]) => dueAt >= from && dueAt <= to));
  const steady = samples.filter(({ dueAt }) => !windows.some(([from, to]) => dueAt >= from && dueAt <= to));
  const { failures, requests: count } = report(samples).all;
  const kinds = (...names) => names.reduce((sum, kind) => sum + (failures[kind] ?? 0), 0);
  console.log(
    `| ${name} | ${mode} | ${count} | ${kinds("refused")} | ${kinds("reset", "empty", "truncated")} | ` +
      `${kinds("timeout")} | ${kinds("status", "unexpected")} | ${report(steady).all?.p99 ?? "-"} ms | ` +
      `${report(inSwap).all?.p99 ?? "-"} ms | ${notes} |`,
  );
}
