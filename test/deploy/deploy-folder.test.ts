import assert from "node:assert/strict";
import { chmod, mkdir, rename, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openStaging } from "#src/deploy/staging.js";
import { openDeployFolder } from "#src/site/deploy-folder.js";
import { exists } from "#src/site/present.js";
import { readRecord } from "#src/site/records.js";
import { temporarySite } from "../rig/temporary-site.ts";

const UNSAFE = { code: "DEPLOY_FOLDER_UNSAFE" };
const NO_MODES = { skip: process.platform === "win32" ? "Windows has no modes" : false };

test(
  "the deployer's folder is made for its account alone, and is the same the next time",
  NO_MODES,
  async (t) => {
    const layout = await temporarySite(t);
    const first = await openDeployFolder(layout);
    assert.equal((await stat(layout.deploys)).mode & 0o777, 0o700);
    await (await openDeployFolder(layout)).confirm();
    await first.confirm();
  },
);

test("a folder that others may write, a link and a file in its place are refused", NO_MODES, async (t) => {
  const layout = await temporarySite(t);
  await mkdir(layout.deploys);
  await chmod(layout.deploys, 0o770);
  await assert.rejects(openDeployFolder(layout), UNSAFE);
  await rename(layout.deploys, join(layout.root, "elsewhere"));
  await chmod(join(layout.root, "elsewhere"), 0o700);
  await symlink(join(layout.root, "elsewhere"), layout.deploys);
  await assert.rejects(openDeployFolder(layout), UNSAFE);
  await rename(layout.deploys, join(layout.root, "link"));
  await writeFile(layout.deploys, "");
  await assert.rejects(openDeployFolder(layout), UNSAFE);
});

test("another folder that is put in its place meanwhile is noticed", async (t) => {
  const layout = await temporarySite(t);
  const { confirm } = await openDeployFolder(layout);
  await rename(layout.deploys, `${layout.deploys}.aside`);
  await assert.rejects(confirm(), UNSAFE);
  await mkdir(layout.deploys, { mode: 0o700 });
  await assert.rejects(confirm(), UNSAFE);
});

test("what deploys of earlier versions left in the site's own folder is cleaned away, and their list goes on", async (t) => {
  const layout = await temporarySite(t);
  const left = join(layout.staging, "build-1", "out");
  const kept = join(layout.root, "kept");
  await mkdir(left, { recursive: true });
  await mkdir(kept);
  await writeFile(join(kept, "file"), "");
  await symlink(kept, join(left, "link"), "junction");
  await writeFile(join(layout.root, ".inplace", "synchronised"), "public/a\n");
  await (await openStaging(layout)).remove();
  assert.equal(await exists(left), false);
  assert.equal(await exists(join(kept, "file")), true);
  assert.equal(await readRecord(layout.synchronised), "public/a\n");
});
