import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { windowsMachine } from "../rig/windows.ts";

// The tests of these parts run unchanged on Windows Node, except where POSIX is their subject (*.posix.test.ts).
const PARTS = ["site", "listener"];
const EXCEPT: readonly string[] = [
  "links.test.js", // Wine has no links: symlink() ends in ENOTSUP.
  "append.test.js", // Wine appends in two steps: it asks for the size, then writes there.
];
/** Of the embedded handler as many as fit into half a minute, by their names. */
const OF_PLATFORM: readonly (readonly [file: string, names: readonly string[]])[] = [
  ["process-life.test.js", ["started on the first", "BackendProcessBeingKilled"]],
  ["app-offline.test.js", ["AppOfflineTestWithRenaming", "LockedAppOffline"]],
];
const TIMEOUT_MS = 240_000;

const project = fileURLToPath(new URL("../..", import.meta.url));
const windows = await windowsMachine();

for (const part of PARTS) {
  for (const file of await readdir(`${project}dist-test/${part}`)) {
    if (!file.endsWith(".test.js") || file.endsWith(".posix.test.js") || EXCEPT.includes(file)) continue;
    test(`on Windows Node: ${part}/${file}`, async () => {
      const line = `node --test-reporter=spec dist-test\\${part}\\${file}`;
      const { code, stdout, stderr } = await windows.run(line, { cwd: project, timeoutMs: TIMEOUT_MS });
      assert.equal(code, 0, `${stdout}\n${stderr}`);
    });
  }
}

for (const [file, names] of OF_PLATFORM) {
  test(`on Windows Node: platform/${file}, ${names.length} of its tests`, async () => {
    const line = `node --test-reporter=tap --test-name-pattern="${names.join("|")}" dist-test\\platform\\${file}`;
    const { code, stdout, stderr } = await windows.run(line, { cwd: project, timeoutMs: TIMEOUT_MS });
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, new RegExp(`^# pass ${names.length}\r?$`, "m"));
  });
}
