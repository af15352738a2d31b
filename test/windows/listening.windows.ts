import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeHandover } from "#src/site/handover.js";
import { installRuntime } from "#src/site/runtime-bundle.js";
import { freePort } from "../rig/free-port.ts";
import { assertNoneFailed } from "../rig/load-report.ts";
import { startLoad, type LoadStream } from "../rig/load.ts";
import { PROJECT } from "../rig/project.ts";
import { temporarySite } from "../rig/temporary-site.ts";
import { until } from "../rig/until.ts";
import { windowsMachine, windowsPath } from "../rig/windows.ts";
import { LISTENING_KINDS } from "../supervisor/listening-kinds.ts";
import { publish } from "../supervisor/supervised-site.ts";

/** Every system call on a socket passes through one process of Wine. */
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 10, connections: 4 },
  { name: "connection per request", perSecond: 8, connections: "fresh" },
];
const LIMIT_MS = 90_000;
/** Fastify's default host, get-port and detect-port, fork, and cluster. */
const KINDS = [
  "listens with two servers, one an address",
  "looks whether the port is free, and listens at once behind close()",
  "has a helper that it forks, which keeps its channel and never listens",
  "is a cluster (SCHED_RR)",
  "is a cluster (SCHED_NONE)",
];

const windows = await windowsMachine();

for (const how of KINDS) {
  test(`on Windows an app that ${how} is swapped without a lost request`, async (t) => {
    const app = LISTENING_KINDS[how];
    assert.ok(app !== undefined);
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
    const load = await startLoad({ port, streams: STREAMS, version: "x-version: (.)", maxMs: 3 * LIMIT_MS });
    for (const version of ["2", "3"]) {
      await publish(layout, `app-${version}.mjs`, app(version));
      await load.until((progress) => progress.version === version, `answers by ${version}`, LIMIT_MS);
    }
    assertNoneFailed(await load.stop());
  });
}
