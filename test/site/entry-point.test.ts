import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { entryPoint } from "#src/site/entry-point.js";
import { temporaryFolder } from "../rig/temporary-site.js";

test("_entry.txt is read as launchers read it: one line, without byte order mark, quotes and blanks around it", async (t) => {
  const artifact = await temporaryFolder(t);
  await mkdir(join(artifact, "bin"));
  await writeFile(join(artifact, "bin", "run.mjs"), "");
  await writeFile(join(artifact, "server.mjs"), "");
  for (const text of ["bin/run.mjs", "bin/run.mjs\r\nmore\n", '\uFEFF "bin/run.mjs" \r\n', "\tbin/run.mjs"]) {
    await writeFile(join(artifact, "_entry.txt"), text);
    assert.equal(await entryPoint(artifact), join(artifact, "bin", "run.mjs"), JSON.stringify(text));
  }
  for (const text of ["", "\n", '""']) {
    await writeFile(join(artifact, "_entry.txt"), text);
    assert.equal(await entryPoint(artifact), join(artifact, "server.mjs"), JSON.stringify(text));
  }
});

test("an _entry.txt that is endless is refused", async (t) => {
  const artifact = await temporaryFolder(t);
  await writeFile(join(artifact, "_entry.txt"), "x".repeat(5_000));
  await assert.rejects(entryPoint(artifact), { code: "ARTIFACT_INCOMPLETE", message: /_entry\.txt/ });
});
