import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { entryPoint } from "#src/site/entry-point.js";
import { temporaryFolder } from "../rig/temporary-site.js";

test("an _entry.txt that is a pipe or a link is refused and not waited for", async (t) => {
  const artifact = await temporaryFolder(t);
  const entry = join(artifact, "_entry.txt");
  for (const make of [() => void execFileSync("mkfifo", [entry]), () => symlink("/etc/hostname", entry)]) {
    await make();
    await assert.rejects(entryPoint(artifact), { code: "ARTIFACT_INCOMPLETE", message: /_entry\.txt/ });
    await rm(entry);
  }
});
