import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { removeTree } from "#src/site/remove-tree.js";
import { temporaryFolder } from "../rig/temporary-site.js";

test("what is not there, and a single file, are removed as well", async (t) => {
  const root = await temporaryFolder(t);
  await removeTree(join(root, "gone"));
  await writeFile(join(root, "-file"), "");
  await removeTree(join(root, "-file"));
  assert.deepEqual(await readdir(root), []);
});
