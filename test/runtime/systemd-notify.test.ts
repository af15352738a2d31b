import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemdNotifier } from "#src/runtime/systemd-notify.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

/** Takes the place of systemd-notify: at its first call it hangs, and from then on it writes down what it is told. */
const HANGS_FIRST = `#!/bin/sh
cd "\${0%/*}" || exit
mkdir called 2>/dev/null && exec sleep 60
echo "$*" >> told
`;

test("what systemd-notify did not pass on in time is told again with the next sign of life", async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, "systemd-notify"), HANGS_FIRST, { mode: 0o755 });
  const env = {
    PATH: `${folder}:${process.env["PATH"] ?? ""}`,
    NOTIFY_SOCKET: "/run/notify",
    WATCHDOG_USEC: "400000",
  };
  const notifier = systemdNotifier(env);
  const told = (): Promise<string> => readFile(join(folder, "told"), "utf8").catch(() => "");
  notifier.ready("serving app-1.mjs");
  await until("it is ready", async () =>
    (await told()).startsWith("READY=1 STATUS=serving app-1.mjs WATCHDOG=1\n"),
  );
  notifier.stopping("draining");
  await until("it stops", async () => /^STOPPING=1 STATUS=draining$/m.test(await told()));
  await notifier.told();
  assert.doesNotMatch((await told()).split("STOPPING=1 ", 2)[1] ?? "", /READY=1/);
  assert.deepEqual(Object.keys(env), ["PATH"]);
});
