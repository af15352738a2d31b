import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNoneFailed, report } from "../rig/load-report.ts";
import { startLoad, type LoadStream } from "../rig/load.ts";
import { windowsMachine } from "../rig/windows.ts";
import { app, publish } from "../supervisor/supervised-site.ts";
import { supervisedOnWindows } from "./windows-site.ts";

const SWAPS = 10;
/** Every system call on a socket passes through one process of Wine. */
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 16, connections: 16 },
  { name: "connection per request", perSecond: 12, connections: "fresh" },
  { name: "post in two halves", perSecond: 12, connections: 8, halvesApartMs: 20, expect: " 24$" },
];
const REQUESTS_BETWEEN = 40;
const LIMIT_MS = 60_000;

const windows = await windowsMachine();

test("on Windows launch.cmd starts a supervisor: swaps under load lose nothing, and its process never ends", async (t) => {
  const { layout, port, said } = await supervisedOnWindows(t, windows, app("1"), LIMIT_MS);
  const load = await startLoad({ port, streams: STREAMS, version: "x-version: (\\S+)", maxMs: 3 * LIMIT_MS });
  for (let version = 2; version <= SWAPS + 1; version += 1) {
    await publish(layout, `app-${version}.mjs`, app(String(version)));
    await load.until((progress) => progress.version === String(version), `answers by ${version}`, LIMIT_MS);
    const { done } = load.progress;
    await load.until((progress) => progress.done > done + REQUESTS_BETWEEN, "more requests", LIMIT_MS);
  }
  const samples = await load.stop();
  t.diagnostic(JSON.stringify(report(samples)));
  assertNoneFailed(samples);
  const output = await said();
  assert.equal([...output.matchAll(/^\S+Z holding /gm)].length, 1, output);
  assert.equal([...output.matchAll(/^\S+Z live: /gm)].length, SWAPS + 1, output);
});
