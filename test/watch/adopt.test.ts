import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { systemCode } from "#src/errors.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { manifestPath, readManifest } from "#src/site/manifest.js";
import { readPointer } from "#src/site/pointer.js";
import { adopt, refused, type Adopted } from "#src/watch/adopt.js";
import { fingerprint } from "#src/watch/fingerprint.js";
import { ACCOUNTS, giveTo } from "../rig/account.js";
import { watchFileCalls } from "../rig/file-calls.js";
import { smallDisk, testWithDisk } from "../rig/small-disk.js";
import { clockPasses, drop, temporarySite } from "../rig/temporary-site.js";
import { publish, RUNNING, watchedSite } from "./watched-site.js";

/** A drop whose manifest takes several pages of a disk. */
const FILES = 40;

const IN_THE_WAY: Readonly<Record<string, (layout: SiteLayout, t: TestContext) => Promise<void>>> = {
  "a file in the place of the manifests": async (layout) => {
    await rename(layout.manifests, `${layout.manifests}.aside`);
    await writeFile(layout.manifests, "");
  },
  "a folder in the place of the manifest": async (layout) => {
    await mkdir(manifestPath(layout, "app-2.mjs"), { recursive: true });
  },
  "manifests that this account may not write": async (layout, t) => {
    await chmod(layout.manifests, 0o555);
    if (ACCOUNTS === undefined) return;
    await giveTo(ACCOUNTS.site, layout.root);
    process.seteuid?.(ACCOUNTS.site.uid);
    t.after(() => process.seteuid?.(0));
  },
};

for (const [what, put] of Object.entries(IN_THE_WAY)) {
  test(`${what}: a drop is refused once, and the pointer stays as it was`, async (t) => {
    const site = await watchedSite(t, { stillMs: 0 });
    const { layout, watcher } = site;
    const before = await readFile(layout.pointer, "utf8");
    // First: the watcher looks at a drop as soon as it is there.
    await put(layout, t);
    await drop(layout, "app-2.mjs");
    for (let look = 0; look < 3; look++) await watcher.check();
    assert.equal(site.events.filter(({ type }) => type === "drop-refused").length, 1);
    assert.equal(await readFile(layout.pointer, "utf8"), before);
    assert.deepEqual(site.told(), []);
  });
}

test("a manifest that cannot come into its place once the pointer moved takes the pointer back", async (t) => {
  const layout = await siteWithDrop(t);
  // As another program might do it at this very moment.
  const put = (): void => {
    if (readFileSync(layout.pointer, "utf8").includes("app-2"))
      mkdirSync(manifestPath(layout, "app-2"), { recursive: true });
  };
  watchFileCalls({ before: put });
  const adopted = await adoptDrop(layout);
  watchFileCalls();
  assert.equal(adopted.result, "refused");
  assert.equal(await current(layout), RUNNING);
});

test("where there was no pointer, what cannot be adopted leaves none", async (t) => {
  const layout = await temporarySite(t);
  await dropFolder(layout);
  const put = (): void => {
    if (existsSync(layout.pointer)) mkdirSync(manifestPath(layout, "app-2"), { recursive: true });
  };
  watchFileCalls({ before: put });
  const adopted = await adoptDrop(layout);
  watchFileCalls();
  assert.equal(adopted.result, "refused");
  assert.equal((await readPointer(layout)).state, "missing");
});

test("a history that cannot be written keeps a drop from nothing, and an older one does not take its place", async (t) => {
  const site = await watchedSite(t, { stillMs: 0, pollMs: 50 }, async (layout) => {
    await rm(layout.history, { force: true });
    await mkdir(layout.history);
    await clockPasses(layout, await drop(layout, "older.mjs"));
    await drop(layout, "newer.mjs");
  });
  await site.tells("newer.mjs");
  const { artifact, message } = await site.event("adoption-unrecorded");
  assert.equal(artifact, "newer.mjs");
  assert.match(message, /history/);
  await site.watcher.check();
  assert.deepEqual(site.told(), ["newer.mjs"]);
  assert.equal(await current(site.layout), "newer.mjs");
});

const FULL =
  "a disk that fills up before any write of an adoption leaves the old release, or the new one adopted";
testWithDisk(import.meta.url, FULL, async (t) => {
  const layout = siteLayout(await smallDisk(4_000_000));
  const ballast = join(layout.root, "ballast");
  await mkdir(layout.target);
  const ended = { adopted: 0, refused: 0, overtaken: 0 };
  let calls = Number.MAX_SAFE_INTEGER;
  for (let at = 1; at <= calls; at += 1) {
    await publish(layout, RUNNING);
    await dropFolder(layout);
    const counted = watchFileCalls({ before: (call) => (call === at ? fill(layout, ballast) : undefined) });
    const { result } = await adoptDrop(layout);
    calls = counted();
    watchFileCalls();
    ended[result] += 1;
    assert.equal(await current(layout), result === "adopted" ? "app-2" : RUNNING, `full before call ${at}`);
    assert.ok((await readManifest(layout, await current(layout))) !== undefined, `full before call ${at}`);
    rmSync(ballast, { force: true });
    await rm(layout.target, { recursive: true });
    await rm(layout.manifests, { recursive: true });
    await mkdir(layout.target);
  }
  t.diagnostic(JSON.stringify(ended));
  assert.ok(ended.adopted > 0 && ended.refused > 0 && ended.overtaken === 0);
});

async function siteWithDrop(t: TestContext): Promise<SiteLayout> {
  const layout = await temporarySite(t);
  await publish(layout, RUNNING);
  await dropFolder(layout);
  return layout;
}

async function dropFolder(layout: SiteLayout): Promise<void> {
  const folder = join(layout.target, "app-2");
  await mkdir(folder);
  await writeFile(join(folder, "index.mjs"), "export {};\n");
  for (let file = 0; file < FILES; file++) await writeFile(join(folder, `${file}.txt`), "one");
}

/** As a look does: what it throws is a refusal. */
async function adoptDrop(layout: SiteLayout): Promise<Adopted> {
  const path = join(layout.target, "app-2");
  const print = await fingerprint(path);
  const adoption = {
    artifact: "app-2",
    path,
    print,
    stillWanted: () => Promise.resolve(true),
    signal: new AbortController().signal,
  };
  return await adopt(layout, adoption, () => undefined).catch((error: unknown): Adopted =>
    refused(error, false),
  );
}

async function current(layout: SiteLayout): Promise<string> {
  const pointer = await readPointer(layout);
  assert.ok(pointer.state === "names", pointer.state);
  return pointer.artifact;
}

function fill({ root }: SiteLayout, ballast: string): void {
  const { bavail, bsize } = statfsSync(root);
  try {
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
  } catch (error) {
    assert.equal(systemCode(error), "ENOSPC");
  }
}
