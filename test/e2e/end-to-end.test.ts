import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort } from "../rig/free-port.ts";
import { assertNoneFailed, assertVersions, report, settlingTimes, type Swap } from "../rig/load-report.ts";
import { startLoad, type LoadStream } from "../rig/load.ts";
import { pageOf } from "../rig/page.ts";
import { runProgram, startProgram } from "../rig/program.ts";
import { projectRepository } from "../rig/project.ts";
import { until } from "../rig/until.ts";

const DEPLOYS = 10;
/** A thousand requests a second, as browsers, scripts and forms send them. */
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 400, connections: 50 },
  { name: "connection per request", perSecond: 300, connections: "fresh" },
  { name: "post in two halves", perSecond: 300, connections: 50, halvesApartMs: 20 },
];
const VERSION = "Commit <code>([0-9a-f]{10})</code>";
/** From a deploy's return until every answer has to come from its commit. */
const SETTLE_MS = 1_000;
/** Requests between two deploys: enough for some to come after SETTLE_MS. */
const REQUESTS_BETWEEN = 1_800;
const START_TIMEOUT_MS = 60_000;

test("end to end: ten deploys under a thousand requests a second, none fails, and the newest commit answers", async (t) => {
  const repository = await projectRepository(t);
  const port = await freePort();
  const options = { cwd: repository.folder, env: { PORT: String(port) } };
  const served = startProgram(t, "bash", ["deploy.sh", "--serve"], options);
  const first = await repository.git("rev-parse", "--short=10", "HEAD");
  await until(
    "the site shows the first commit",
    async () => (await pageOf(port)).includes(first),
    START_TIMEOUT_MS,
  );

  const load = await startLoad({ port, streams: STREAMS, version: VERSION });
  await load.until(({ done }) => done > REQUESTS_BETWEEN, "the load is under way");
  const swaps: Swap[] = [];
  for (let deploy = 1; deploy <= DEPLOYS; deploy += 1) {
    await repository.edit("examples/hello/server.ts", /<h1>.*<\/h1>/, `<h1>Hello, deploy ${deploy}</h1>`);
    const version = await repository.commit(`Deploy ${deploy}`);
    const startedAt = Date.now();
    const { code, stdout, stderr } = await runProgram(t, "bash", ["deploy.sh"], options);
    swaps.push({ version, startedAt, returnedAt: Date.now() });
    assert.equal(code, 0, `${stdout}\n${stderr}\n${served.stderr}`);
    const { done } = load.progress;
    const enough = (): boolean => load.progress.done > done + REQUESTS_BETWEEN;
    await load.until(enough, `requests after deploy ${deploy}`);
  }
  const samples = await load.stop();

  t.diagnostic(JSON.stringify(report(samples)));
  t.diagnostic(`settled after ${settlingTimes(samples, swaps).join(", ")} ms`);
  assertNoneFailed(samples);
  assertVersions(samples, swaps, SETTLE_MS);
  const answered = new Set(samples.map(({ version }) => version));
  assert.deepEqual([...answered], [first, ...swaps.map(({ version }) => version)]);
  assert.match(await pageOf(port), new RegExp(`Hello, deploy ${DEPLOYS}`));
  assert.deepEqual(await repository.git("status", "--porcelain"), "", "a deploy leaves the tree clean");
});
