import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNoneFailed } from "../rig/load-report.ts";
import { startLoad, type LoadStream } from "../rig/load.ts";
import { windowsMachine } from "../rig/windows.ts";
import { LISTENING_KINDS } from "../supervisor/listening-kinds.ts";
import { publish } from "../supervisor/supervised-site.ts";
import { supervisedOnWindows } from "./windows-site.ts";

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
    const { layout, port, said } = await supervisedOnWindows(t, windows, app("1"), LIMIT_MS);
    const load = await startLoad({ port, streams: STREAMS, version: "x-version: (.)", maxMs: 3 * LIMIT_MS });
    for (const version of ["2", "3"]) {
      await publish(layout, `app-${version}.mjs`, app(version));
      await load
        .until((progress) => progress.version === version, `answers by ${version}`, LIMIT_MS)
        .catch(async (cause: unknown) => {
          throw new Error(await said(), { cause });
        });
    }
    assertNoneFailed(await load.stop());
  });
}
