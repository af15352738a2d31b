import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { makeCurrent, placeArtifact } from "#src/deploy/publish.js";
import { openStaging } from "#src/deploy/staging.js";
import { examine } from "#src/doctor/examine.js";
import type { SiteLayout } from "#src/site/layout.js";
import { describeArtifact } from "#src/site/manifest.js";
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
