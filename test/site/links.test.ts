import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { describeArtifact } from "#src/site/manifest.js";
import { readPointer } from "#src/site/pointer.js";
import { temporarySite } from "../rig/temporary-site.ts";

it("a pointer that names a link out of the target folder is refused", async (t) => {
  const layout = await temporarySite(t);
  await mkdir(join(layout.root, "elsewhere"));
  await symlink(join(layout.root, "elsewhere"), join(layout.target, "linked"), "junction");
  await writeFile(layout.pointer, "_target/linked");
  const found = await readPointer(layout);
  assert.equal(found.state === "invalid" && found.error.code, "POINTER_ESCAPES");
});

it("a folder artifact with a link in it is refused", async (t) => {
  const layout = await temporarySite(t);
  const path = join(layout.target, "site");
  await mkdir(path);
  await writeFile(join(path, "index.mjs"), "abc");
  await symlink(layout.root, join(path, "link"), "junction");
  await assert.rejects(describeArtifact(path), { code: "ARTIFACT_INCOMPLETE" });
});
