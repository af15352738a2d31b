import assert from "node:assert/strict";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Manifest } from "#src/site/manifest.js";
import { generateKeys, signManifest } from "#src/site/signature.js";
import { temporaryFolder } from "../rig/temporary-site.js";

const MANIFEST: Manifest = {
  schemaVersion: 1,
  artifact: "app-1.mjs",
  origin: "deploy",
  builtAt: "2026-11-30T12:00:00.000Z",
  kind: "file",
  size: 0,
  sha256: "0".repeat(64),
  files: [],
};

test("a device, which may never end, is no key; a link to one is", async (t) => {
  const folder = await temporaryFolder(t);
  const key = join(folder, "a.key");
  const link = join(folder, "link.key");
  await writeFile(key, generateKeys().privateKey);
  await symlink(key, link);
  for (const device of ["/dev/zero", "/dev/full"])
    await assert.rejects(signManifest(MANIFEST, device), { code: "SIGNING_KEY_INVALID" }, device);
  assert.ok((await signManifest(MANIFEST, link)).signature);
});
