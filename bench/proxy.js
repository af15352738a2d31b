// Throughput and latency of the embedded handler beside its peers, in front of the same bare server, in one run.
// Needs wrk, and as many of haproxy, nginx and caddy as are to be compared. usage: node proxy.js [seconds] [rounds]
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bareServer, freePort, fronts } from "./fronts.js";

const run = promisify(execFile);
const SECONDS = Number(process.argv[2] ?? 5);
const ROUNDS = Number(process.argv[3] ?? 3);
const WARM_UP_SECONDS = 5;
const CONNECTIONS = 32;
const RATE = 5_000;
const CLOCK_TICK_MS = 10;

const backend = await bareServer(await freePort());
const results = new Map();
try {
  // Round after round, so that a change in the machine's load meets all alike.
  for (let round = 0; round < ROUNDS; round += 1) {
    await measured(backend.name, async () => ({ ...backend, stop: async () => undefined }));
    for (const [name, start] of Object.entries(fronts)) {
      await measured(name, async () => start(await freePort(), backend.port));
    }
  }
} finally {
  await backend.stop();
}
print();

async function measured(name, start) {
  const rows = results.get(name) ?? [];
  results.set(name, rows);
  let front;
  try {
    front = await start();
  } catch (error) {
    if (rows.length === 0) console.error(`left out: ${error.message}`);
    return;
  }
  try {
    // A compiler at run time needs its time; the others do not mind.
    await wrk(front.port, WARM_UP_SECONDS);
    const before = cpuMs(front.pid);
    const keptAlive = await wrk(front.port, SECONDS);
    const cpu = (cpuMs(front.pid) - before) / keptAlive.requests;
    const fresh = await wrk(front.port, SECONDS, ["-H", "Connection: close"]);
    const script = fileURLToPath(new URL("latency.js", import.meta.url));
    const paced = await run(process.execPath, [script, String(front.port), String(RATE), String(SECONDS)]);
    const latency = JSON.parse(paced.stdout);
    rows.push({ keptAlive: keptAlive.perSecond, fresh: fresh.perSecond, cpuUs: cpu * 1000, ...latency });
    console.error(name, JSON.stringify(rows.at(-1)));
  } catch (error) {
    console.error(`${name}, not counted: ${error.message}`);
  } finally {
    await front.stop();
  }
}

async function wrk(port, seconds, more = []) {
  const args = ["-t1", `-c${CONNECTIONS}`, `-d${seconds}s`, ...more, `http://127.0.0.1:${port}/`];
  const { stdout } = await run("wrk", args);
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1];
  if (failed !== undefined) throw new Error(`${failed} of wrk's requests on port ${port} failed`);
  return {
    requests: Number(/(\d+) requests in/.exec(stdout)?.[1]),
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
  };
}

/** Of the process and, as nginx works in a child, of its children; Linux only, elsewhere 0. */
function cpuMs(pid) {
  let ticks = 0;
  for (const one of [pid, ...childrenOf(pid)]) {
    const stat = `/proc/${one}/stat`;
    if (!existsSync(stat)) continue;
    const fields = readFileSync(stat, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * CLOCK_TICK_MS;
}

function childrenOf(pid) {
  const path = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(path)) return [];
  // The application behind the handler is not the handler.
  const children = readFileSync(path, "utf8").trim().split(" ").filter(Boolean);
  return children.filter((child) => readFileSync(`/proc/${child}/cmdline`, "utf8").startsWith("nginx"));
}

function print() {
  const median = (rows, key) => rows.map((row) => row[key]).sort((a, b) => a - b)[rows.length >> 1];
  const bare = results.get(backend.name);
  console.log(
    `${availableParallelism()} processors, Node ${process.version}, ${ROUNDS} rounds of ${SECONDS} s, medians\n`,
  );
  console.log(
    "| in front | keep-alive req/s | one connection each req/s | CPU µs a request | p50 ms added | p99 ms added |",
  );
  console.log("|---|---|---|---|---|---|");
  for (const [name, rows] of results) {
    if (rows.length === 0) continue;
    const added = (key) => (rows === bare ? "" : (median(rows, key) - median(bare, key)).toFixed(2));
    const columns = [
      Math.round(median(rows, "keptAlive")),
      Math.round(median(rows, "fresh")),
      median(rows, "cpuUs").toFixed(1),
    ];
    console.log(`| ${name} | ${columns.join(" | ")} | ${added("p50")} | ${added("p99")} |`);
  }
}
