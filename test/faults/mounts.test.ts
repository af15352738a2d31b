import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { guardSite } from "#src/deploy/build-guard.js";
import { prune } from "#src/deploy/prune.js";
import { makeCurrent, placeArtifact } from "#src/deploy/publish.js";
import { openStaging } from "#src/deploy/staging.js";
import { examine } from "#src/doctor/examine.js";
import { openDeployFolder } from "#src/site/deploy-folder.js";
import { markGood } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { describeArtifact } from "#src/site/manifest.js";
import { installRuntime } from "#src/site/runtime-bundle.js";
import { verifyArtifact } from "#src/site/verify.js";
import { mountDisk, mountFile, testWithDisk } from "../rig/small-disk.js";
import { drop, temporarySite } from "../rig/temporary-site.js";
import { zip } from "../watch/archives.js";
import { RUNNING, watchedSite } from "../watch/watched-site.js";

const DISK_BYTES = 1_000_000;
const ENTRY = "console.log('served')\n";

testWithDisk(
  import.meta.url,
  "a target folder on a disk of its own gets what is deployed, whole, and nothing else",
  async (t) => {
    const layout = await siteOnTwoDisks(t);
    await deployFolder(layout, "app-1", "small");
    assert.deepEqual(await readdir(layout.target), ["app-1"]);
    await verifyArtifact(layout, "app-1");
    assert.equal((await stat(join(layout.target, "app-1", "bin", "run"))).mode & 0o777, 0o755);
    await assert.rejects(deployFolder(layout, "app-2", "x".repeat(2 * DISK_BYTES)), { code: "DISK_FULL" });
    assert.deepEqual(await readdir(layout.target), ["app-1"]);
    assert.match(await readFile(layout.pointer, "utf8"), /app-1/);
  },
);

testWithDisk(
  import.meta.url,
  "a site whose folders are mounts, any of them, is deployed to, pruned and cleared of marks, and nothing temporary stays",
  async (t) => {
    for (const mounts of [
      [".inplace"],
      [".inplace-deploy"],
      ["_target"],
      [".inplace", ".inplace-deploy", "_target"],
    ]) {
      const layout = await temporarySite(t);
      for (const name of mounts) {
        await mkdir(join(layout.root, name), { recursive: true, mode: 0o700 });
        await mountDisk(join(layout.root, name), 4 * DISK_BYTES, 0o700);
      }
      const about = mounts.join();
      for (const artifact of ["app-1", "app-2"]) await deployFolder(layout, artifact, "small");
      await installRuntime(layout);
      await verifyArtifact(layout, "app-2");
      // As launchers may leave one.
      await mkdir(join(layout.failed, "app-1"), { recursive: true });
      await markGood(layout, "app-2");
      const { layout: own } = await openDeployFolder(layout);
      const options = { keep: 0, dryRun: false, waitMs: 0, signal: t.signal, emit: () => undefined };
      assert.deepEqual(
        await prune({ layout: own, ...options }),
        { removed: ["app-1"], kept: ["app-2"], locked: [] },
        about,
      );
      const strayGuard = await guardSite(own, layout.root);
      await writeFile(join(layout.target, "stray"), "");
      await symlink("nowhere", join(layout.target, "stray-link"));
      assert.deepEqual((await strayGuard.restore("artifact")).sort(), [
        "_target/stray",
        "_target/stray-link",
      ]);
      assert.deepEqual(await readdir(layout.target), ["app-2"], about);
      assert.match(await readFile(layout.pointer, "utf8"), /app-2/);
      const left = (await readdir(layout.root, { recursive: true })).filter((path) => path.endsWith(".tmp"));
      assert.deepEqual(left, [], about);
    }
  },
);

testWithDisk(
  import.meta.url,
  "a watcher takes drops where only the site's own folder is a mount",
  async (t) => {
    const site = await watchedSite(t, { stillMs: 0 }, ({ history }) =>
      mountDisk(dirname(history), DISK_BYTES),
    );
    await drop(site.layout, "shop-3.mjs");
    await site.tells("shop-3.mjs");
    await writeFile(join(site.layout.target, "shop-4.zip"), zip([{ name: "index.mjs", content: ENTRY }]));
    await site.tells("shop-4");
  },
);

testWithDisk(
  import.meta.url,
  "a target folder on a disk of its own: drops are taken, archives too",
  async (t) => {
    const site = await watchedSite(t, { stillMs: 0 }, ({ target }) => mountDisk(target, DISK_BYTES));
    await writeFile(join(site.layout.target, "shop-2.zip"), zip([{ name: "index.mjs", content: ENTRY }]));
    await site.tells("shop-2");
    await drop(site.layout, "shop-3.mjs");
    await site.tells("shop-3.mjs");
    assert.deepEqual((await readdir(site.layout.target)).sort(), ["shop-2", "shop-3.mjs"]);
  },
);

testWithDisk(
  import.meta.url,
  "a pointer that is a mount is refused before anything is built, and drops once",
  async (t) => {
    const site = await watchedSite(t, { stillMs: 0 }, ({ pointer }) => mountFile(pointer));
    const { layout, watcher } = site;
    await assert.rejects(openStaging(layout), { code: "POINTER_MOUNTED", message: /_artifact\.txt/ });
    const found = (await examine(layout, { env: {} })).map(({ code }) => code);
    assert.ok(found.includes("POINTER_MOUNTED"), found.join());
    await drop(layout, "app-2.mjs");
    assert.equal((await site.event("drop-refused")).code, "POINTER_MOUNTED");
    for (let look = 0; look < 3; look++) await watcher.check();
    assert.equal(site.events.filter(({ type }) => type === "drop-refused").length, 1);
    assert.match(await readFile(layout.pointer, "utf8"), new RegExp(RUNNING));
  },
);

async function siteOnTwoDisks(t: TestContext): Promise<SiteLayout> {
  const layout = await temporarySite(t);
  await mountDisk(layout.target, DISK_BYTES);
  return layout;
}

/** As a deploy does, once it has built. */
async function deployFolder(site: SiteLayout, artifact: string, page: string): Promise<void> {
  const { layout, output, remove } = await openStaging(site);
  try {
    await mkdir(join(output, "bin"));
    await writeFile(join(output, "index.mjs"), ENTRY);
    await writeFile(join(output, "page.html"), page);
    await writeFile(join(output, "bin", "run"), "#!/bin/sh\n");
    await chmod(join(output, "bin", "run"), 0o755);
    const content = await describeArtifact(output);
    const builtAt = new Date().toISOString();
    await placeArtifact(layout, output, {
      schemaVersion: 1,
      artifact,
      origin: "deploy",
      builtAt,
      ...content,
    });
    await makeCurrent(layout, artifact, { event: "published" }, () => undefined);
  } finally {
    await remove();
  }
}
