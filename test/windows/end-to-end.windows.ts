import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { assertNoneFailed, assertVersions, report, settlingTimes, type Swap } from "../rig/load-report.ts";
import { startLoad, type LoadStream } from "../rig/load.ts";
import { PROJECT } from "../rig/project.ts";
import { windowsMachine, windowsPath } from "../rig/windows.ts";
import { commitId, VERSION, windowsSite } from "./windows-site.ts";

const DEPLOYS = 4;
/** Every system call on a socket passes through one process of Wine; the kinds of client are those of the test on Linux. */
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 8, connections: 20 },
  { name: "connection per request", perSecond: 6, connections: "fresh" },
  { name: "post in two halves", perSecond: 6, connections: 20, halvesApartMs: 20 },
];
const LOAD_TIMEOUT_MS = 120_000;
/** In a handover an idle connection is kept for one more request, for 5 s at most. */
const SETTLE_MS = 6_000;
/** Enough for some to come after SETTLE_MS. */
const REQUESTS_BETWEEN = 150;

const windows = await windowsMachine();

test("end to end on Windows Node: deploys and a rollback under load, none fails, and the newest commit answers", async (t) => {
  const site = await windowsSite(t, windows);
  await site.deploy(commitId(1));
  const served = await site.serve(t);

  const load = await startLoad({ port: site.port, streams: STREAMS, version: VERSION });
  await load.until(({ done }) => done > REQUESTS_BETWEEN, "the load is under way");
  const swaps: Swap[] = [];
  const swap = async (number: number, act: () => Promise<void>): Promise<void> => {
    const startedAt = Date.now();
    await act();
    swaps.push({ version: commitId(number).slice(0, 10), startedAt, returnedAt: Date.now() });
    const { done } = load.progress;
    const enough = (): boolean => load.progress.done > done + REQUESTS_BETWEEN;
    await load.until(enough, `requests after commit ${number}`, LOAD_TIMEOUT_MS);
  };
  for (let number = 2; number <= DEPLOYS + 1; number += 1) {
    await swap(number, () => site.deploy(commitId(number)));
  }
  await swap(DEPLOYS, async () => assert.equal((await site.inplace("rollback --yes")).code, 0));
  const samples = await load.stop();

  t.diagnostic(JSON.stringify(report(samples)));
  t.diagnostic(`settled after ${settlingTimes(samples, swaps).join(", ")} ms`);
  const output = `${await served.stdout()}\n${await served.stderr()}`;
  assertNoneFailed(samples);
  assertVersions(samples, swaps, SETTLE_MS);
  assert.equal(samples.at(-1)?.version, commitId(DEPLOYS).slice(0, 10), output);
  assert.doesNotMatch(output, /ended with code/, "what the handler started hands over and stays");
  assert.equal([...output.matchAll(/^\S+Z live: /gm)].length, swaps.length + 1, output);
});

test("inplace serve that is killed on Windows takes the application behind its batch file with it", async (t) => {
  const site = await windowsSite(t, windows);
  await site.deploy(commitId(1));
  await writeFile(join(site.layout.root, "kill.mjs"), KILL);
  const bin = windowsPath(join(PROJECT, "bin", "inplace.js"));
  const { code, stdout, stderr } = await windows.run(`node kill.mjs "${bin}" ${site.port}`, {
    cwd: site.layout.root,
  });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  assert.match(stdout, /Commit[\s\S]*the application has ended/);
});

/** Starts the handler, kills it as soon as the site answers, and waits until the application's own port refuses. */
const KILL = `import { spawn } from "node:child_process";
import { get } from "node:http";
const [bin, port] = process.argv.slice(2);
const page = (at) => new Promise((resolve, reject) => {
  get({ port: at, host: "127.0.0.1", agent: false }, (answer) => {
    answer.setEncoding("utf8").on("data", (text) => console.log(text)).on("end", resolve);
  }).on("error", reject);
});
const until = async (what, condition) => {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await new Promise((next) => setTimeout(next, 50))) {
    if (await condition()) return console.log(what);
  }
  throw new Error(what + ": not in time");
};
const served = spawn(process.execPath, [bin, "serve", "--host", "127.0.0.1", "--port", port], { stdio: ["ignore", "pipe", "inherit"] });
let said = "";
served.stdout.setEncoding("utf8").on("data", (text) => (said += text));
await until("the site answers", () => page(port).then(() => true, () => false));
const own = /ready on port (\\d+)/.exec(said)[1];
served.kill("SIGKILL");
await until("the application has ended", () => page(own).then(() => false, () => true));
process.exit();
`;
