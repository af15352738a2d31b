import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNoneFailed, assertVersions, report, settlingTimes, type Swap } from "../rig/load-report.ts";
import { startLoad, type LoadStream } from "../rig/load.ts";
import { windowsMachine } from "../rig/windows.ts";
import { commitId, VERSION, windowsSite } from "./windows-site.ts";

const DEPLOYS = 4;
/** Every system call on a socket passes through one process of Wine; the kinds of client are those of the test on Linux. */
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 8, connections: 20 },
  { name: "connection per request", perSecond: 6, connections: "fresh" },
  { name: "post in two halves", perSecond: 6, connections: 20, halvesApartMs: 20 },
];
const LOAD_TIMEOUT_MS = 120_000;
const SETTLE_MS = 1_000;
const REQUESTS_BETWEEN = 60;

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
  const exits = [...output.matchAll(/ended with code (\d+)/g)].map(([, code]) => code);
  assert.deepEqual(
    exits,
    Array.from(swaps, () => "0"),
    "each swap is one exit, with code 0",
  );
});
