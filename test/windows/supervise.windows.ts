import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeHandover } from "#src/site/handover.js";
import { installRuntime } from "#src/site/runtime-bundle.js";
import { freePort } from "../rig/free-port.ts";
import { assertNoneFailed, report } from "../rig/load-report.ts";
import { startLoad, type LoadStream } from "../rig/load.ts";
import { PROJECT } from "../rig/project.ts";
import { temporarySite } from "../rig/temporary-site.ts";
import { until } from "../rig/until.ts";
import { windowsMachine, windowsPath } from "../rig/windows.ts";
import { app, publish } from "../supervisor/supervised-site.ts";

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
  const layout = await temporarySite(t);
  await copyFile(join(PROJECT, "launch.cmd"), join(layout.root, "launch.cmd"));
  await installRuntime(layout);
  await writeHandover(layout, { probationMs: 300 });
  await publish(layout, "app-1.mjs", app("1"));
  const port = await freePort();
  const started = await windows.start(`"${windowsPath(layout.root)}\\launch.cmd"`, {
    cwd: layout.root,
    env: { HTTP_PLATFORM_PORT: String(port) },
  });
  t.after(() => started.kill());
  const said = async (): Promise<string> => `${await started.stdout()}\n${await started.stderr()}`;
  await until("the first release", async () => (await said()).includes("swap to app-1.mjs"), LIMIT_MS);
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
  assert.equal([...output.matchAll(/^holding /gm)].length, 1, output);
  assert.equal([...output.matchAll(/^live: /gm)].length, SWAPS + 1, output);
});
