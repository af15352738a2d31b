// Swaps under load, and what they cost: npm run bench:swap -- [options]
//   --swaps 50 --requests 100000   per kind of client and system; a short run: --swaps 5 --requests 10000
//   --mode NAME,… --system NAME,…  default: all
//   --rate N                       requests per second instead of each mode's own
//   --reaction N                   instead: from the pointer to the first answer by the new artifact, N times
//   --endurance N                  instead: N swaps of the (first) system, and what its process holds before and after
//   --slow                         instead: slow visitors in flight, through the real command (--swaps 10 --front NAME,…)
//   --throughput N                 instead: of the app alone, supervised and spliced, N rounds in turn (needs wrk)
// Requests are never retried, and their latency counts from the moment they were due.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { report } from "../dist-test/rig/load-report.js";
import { startLoad } from "../dist-test/rig/load.js";
import { freePort } from "../dist-test/rig/free-port.js";
import { app } from "./swap-app.js";
import { peers } from "./swap-peers.js";
import { slowTable } from "./swap-slow.js";
import { footprint, systems as ours, untilAnswers } from "./swap-systems.js";
import { LIVES_ON_MS, startWebSockets } from "./swap-websockets.js";

const run = promisify(execFile);
const WRK_SECONDS = 5;
const systems = { ...ours, ...peers };
const MODES = {
  fresh: { connections: "fresh", perSecond: 500 },
  "keep-alive": { connections: 32, perSecond: 500 },
  halves: { connections: 32, perSecond: 300, halvesApartMs: 20, expect: " 24$" },
  slow: { connections: "fresh", perSecond: 200, path: "/slow" },
  tls: { connections: 16, perSecond: 300, tls: true },
  "tls fresh": { connections: "fresh", perSecond: 100, tls: true },
  websockets: { sockets: 32, perSecond: 320 },
};
const list = (all) => ({ type: "string", default: Object.keys(all).join(",") });
const { values } = parseArgs({
  options: {
    swaps: { type: "string" },
    requests: { type: "string", default: "100000" },
    mode: list(MODES),
    system: list(systems),
    rate: { type: "string" },
    reaction: { type: "string" },
    endurance: { type: "string" },
    throughput: { type: "string" },
    slow: { type: "boolean" },
    front: { type: "string" },
  },
});
const swaps = Number(values.swaps ?? (values.slow ? 10 : 50));
const requests = Number(values.requests);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

if (values.slow) await slowTable(swaps, values.front?.split(/,(?! )/));
else if (values.reaction !== undefined) await reaction(Number(values.reaction));
else if (values.endurance !== undefined) await endurance(Number(values.endurance));
else if (values.throughput !== undefined) await throughput(Number(values.throughput));
else await table();
process.exit(0);

async function table() {
  row(
    "system",
    "clients",
    "requests",
    "refused",
    "reset or empty",
    "timeouts",
    "5xx or wrong",
    "p99 steady",
    "p99 in swaps",
  );
  row(...Array(9).fill("---"));
  for (const name of values.system.split(",")) {
    for (const mode of values.mode.split(",")) await measure(name, mode);
  }
}

async function measure(name, mode) {
  const client = { ...MODES[mode], ...(values.rate && { perSecond: Number(values.rate) }) };
  const system = await systems[name](client);
  const totalMs = (requests / client.perSecond) * 1000;
  const windows = [];
  const load = await loadOn(system.port, mode, client, totalMs * 2 + 600_000, () =>
    windows.map(([from]) => from),
  );
  const begun = Date.now();
  for (let swap = 1; swap <= swaps; swap += 1) {
    await pause(Math.max(0, begun + (swap * totalMs) / (swaps + 1) - Date.now()));
    const window = [Date.now(), Infinity];
    windows.push(window);
    await system.swap(String(swap + 1));
    window[1] = Date.now();
  }
  const samples = await load.end(Math.max(0, begun + totalMs - Date.now()), totalMs + 600_000);
  await system.stop();
  const inSwap = ({ dueAt }) => windows.some(([from, to]) => dueAt >= from && dueAt <= to);
  const { failures, requests: count } = report(samples).all;
  const kinds = (...all) => all.reduce((sum, kind) => sum + (failures[kind] ?? 0), 0);
  const p99 = (some) => `${report(some).all?.p99 ?? "-"} ms`;
  row(
    name,
    mode,
    count,
    kinds("refused"),
    kinds("reset", "empty", "truncated"),
    kinds("timeout"),
    kinds("status", "unexpected", "malformed"),
    p99(samples.filter((sample) => !inSwap(sample))),
    p99(samples.filter(inSwap)),
  );
}

async function loadOn(port, mode, client, maxMs, switchedAt) {
  if (client.sockets !== undefined) {
    const sockets = startWebSockets(port, client.sockets, switchedAt);
    return {
      async end(leftMs) {
        await pause(Math.max(leftMs, LIVES_ON_MS));
        await sockets.stop();
        return sockets.samples;
      },
    };
  }
  const load = await startLoad({ port, streams: [{ name: mode, ...client }], maxMs });
  return {
    async end(_, withinMs) {
      await load.until(({ done }) => done >= requests, "all requests", withinMs);
      return await load.stop();
    },
  };
}

/** Medians: the artifact alone, from its start to its first answer; and from the written pointer to that. */
async function reaction(count) {
  const alone = [];
  const swapped = [];
  const system = await systems.supervise();
  for (let version = 2; version <= count + 1; version += 1) {
    alone.push(await bootTime(String(version)));
    const pointed = await system.publish(String(version));
    swapped.push((await untilAnswers(system.port, String(version))) - pointed);
    await system.settle(String(version));
  }
  await system.stop();
  const [boot, reacted] = [median(alone), median(swapped)];
  console.log(
    `own boot ${boot} ms, pointer to first answer ${reacted} ms: boot + ${reacted - boot} ms (medians of ${count})`,
  );
}

async function bootTime(version) {
  const startedAt = performance.now();
  const bare = await bareApp(version);
  const took = bare.answeredAt - startedAt;
  await bare.stop();
  return took;
}

async function bareApp(version) {
  const folder = await mkdtemp(join(tmpdir(), "inplace-boot-"));
  const file = join(folder, "app.mjs");
  await writeFile(file, app(version));
  const port = await freePort();
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, PORT: String(port) },
    stdio: "ignore",
  });
  return {
    port,
    answeredAt: await untilAnswers(port, version),
    async stop() {
      child.kill("SIGKILL");
      await once(child, "exit");
      await rm(folder, { recursive: true });
    },
  };
}

/** In turn, so that a change in the machine's load meets all alike; ratios of the same round. */
async function throughput(rounds) {
  const apps = {
    bare: await bareApp("1"),
    supervise: await systems.supervise(),
    spliced: await systems.spliced(),
  };
  row("requests a second", ...Object.keys(apps), "ratio, supervise", "ratio, spliced");
  row(...Array(6).fill("---"));
  for (const [kind, flags] of [
    ["keep-alive", []],
    ["one connection per request", ["-H", "Connection: close"]],
  ]) {
    const rates = Object.fromEntries(Object.keys(apps).map((name) => [name, []]));
    for (let round = 0; round < rounds; round += 1)
      for (const [name, { port }] of Object.entries(apps)) rates[name].push(await wrk(port, flags));
    const ratio = (name) => middle(rates[name].map((rate, round) => rate / rates.bare[round])).toFixed(3);
    row(kind, ...Object.values(rates).map(median), ratio("supervise"), ratio("spliced"));
  }
  for (const each of Object.values(apps)) await each.stop();
}

async function wrk(port, flags) {
  const url = `http://127.0.0.1:${port}/`;
  const { stdout } = await run("wrk", ["-t1", "-c32", `-d${WRK_SECONDS}s`, ...flags, url]);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

async function endurance(count) {
  const [name] = values.system.split(",");
  const system = await systems[name]();
  const load = await startLoad({
    port: system.port,
    streams: [{ name: "fresh", connections: "fresh", perSecond: 20 }],
    maxMs: 24 * 3_600_000,
  });
  row("swaps", "memory", "descriptors", "children", "files too many");
  row(...Array(5).fill("---"));
  for (let swap = 0; swap <= count; swap += 1) {
    if (swap > 0) await system.swap(String(swap + 1));
    if (swap % Math.max(1, Math.round(count / 10)) > 0 && swap !== count) continue;
    const { memory, descriptors, children } = await footprint(system.pid);
    row(swap, `${memory} MB`, descriptors, children, await system.filesLeft());
  }
  const { failed, requests: sent } = report(await load.stop()).all;
  console.log(`\n${failed} of ${sent} requests failed`);
  await system.stop();
}

function median(numbers) {
  return Math.round(middle(numbers));
}

function middle(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

function row(...cells) {
  console.log(`| ${cells.join(" | ")} |`);
}
