import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isNetworkFileSystem } from "#src/site/network-share.js";
import { siteLayout } from "#src/site/layout.js";
import { makeFolder, makeFolders } from "#src/site/records.js";
import { temporaryFolder } from "../rig/temporary-site.js";

test("folders that the host of a virtual machine shares, and cluster file systems, are looked at as network shares are", () => {
  const shared = {
    vboxsf: 0x786f4256,
    vmhgfs: 0xbacbacbc,
    prl_fs: 0x7c7c6673,
    ceph: 0x00c36400,
    lustre: 0x0bd00bd0,
  };
  for (const [name, type] of Object.entries(shared)) assert.ok(isNetworkFileSystem(type), name);
  // As a system with 32 bits gives it.
  assert.ok(isNetworkFileSystem(0xbacbacbc | 0));
  const local = { ext4: 0xef53, xfs: 0x58465342, btrfs: 0x9123683e, tmpfs: 0x01021994, overlay: 0x794c7630 };
  for (const [name, type] of Object.entries(local)) assert.ok(!isNetworkFileSystem(type), name);
});

test("folders are made with those above them; what cannot be made is an error at once", async (t) => {
  const folder = await temporaryFolder(t);
  await makeFolders(join(folder, "a", "b", "c"));
  await makeFolders(join(folder, "a", "b", "c"));
  assert.ok(existsSync(join(folder, "a", "b", "c")));
  const removed = siteLayout(join(folder, "removed"));
  await assert.rejects(makeFolder(removed, removed.manifests));
  assert.ok(!existsSync(removed.root), "a record brings no site back");
  const wrongKind = { code: "RECORD_UNSAFE", message: /\.js is a file in the place of a folder\.$/ };
  await assert.rejects(makeFolders(join(import.meta.filename, "below")), wrongKind);
  await assert.rejects(makeFolders(import.meta.filename), wrongKind);
  if (process.platform !== "linux") return;
  await assert.rejects(makeFolders("/proc/none/at all"), { code: "ENOENT" });
});
