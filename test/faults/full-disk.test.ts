import assert from "node:assert/strict";
import { appendFileSync, rmSync, statSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { InplaceError, systemCode } from "#src/errors.js";
import { readHistory } from "#src/site/history.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { matchesManifest, readManifest } from "#src/site/manifest.js";
import { readPointer } from "#src/site/pointer.js";
import { deployFolder } from "../rig/deploy-folder.js";
import { watchFileCalls } from "../rig/file-calls.js";
import { smallDisk, testWithDisk } from "../rig/small-disk.js";
import { writeFiles } from "../rig/source.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { APP, serve } from "./served-site.js";

const DISK_BYTES = 4_000_000;
/** What a disk gives away at a time, bytes. */
const PAGE = 4096;

const NAME =
  "a disk that fills up before any write of a deploy leaves the old release or the new one, whole and serving";
testWithDisk(import.meta.url, NAME, async (t) => {
  const layout = siteLayout(await smallDisk(t, DISK_BYTES));
  const ballast = join(layout.root, ".inplace", "ballast");
  const deployNext = await deploysInto(t, layout);
  let { artifact: current } = await deployNext();
  const site = await serve(t, layout);
  await site.serves(current);

  const ended = { refused: 0, leftUndone: 0, whole: 0 };
  let calls = Number.MAX_SAFE_INTEGER;
  for (let at = 1; at <= calls; at += 1) {
    const fillsUp = (call: number): void => (call === at ? fill(layout, ballast) : undefined);
    try {
      const { artifact, leftUndone, fileCalls } = await deployNext(fillsUp);
      current = artifact;
      ended[leftUndone ? "leftUndone" : "whole"] += 1;
      calls = fileCalls;
    } catch (error) {
      const full = error instanceof InplaceError && error.code === "DISK_FULL";
      assert.ok(full, `full before call ${at}: ${String(error)}`);
      ended.refused += 1;
    }
    watchFileCalls();
    assert.equal(await wholeRelease(layout), current, `full before call ${at}`);
    assert.ok((await site.ask()).pid > 0);
    rmSync(ballast, { force: true });
  }
  t.diagnostic(`${calls} calls; deploys ${JSON.stringify(ended)}`);
  assert.ok(ended.refused > 0 && ended.leftUndone > 0 && ended.whole > 0, JSON.stringify(ended));
  const last = await deployNext();
  assert.equal(last.leftUndone, false);
  await site.serves(last.artifact);
  const published = (await readHistory(layout)).records.filter(({ event }) => event === "published");
  assert.equal(published.at(-1)?.artifact, last.artifact);
});

interface NextDeploy {
  readonly artifact: string;
  readonly leftUndone: boolean;
  /** How many calls that change files it made, about. */
  readonly fileCalls: number;
}

/** Each call deploys another release of a little app. */
async function deploysInto(t: TestContext, layout: SiteLayout) {
  const source = await temporaryFolder(t);
  const build = { builder: "directory", directory: "app" };
  await writeFiles(source, { "inplace.config.json": { files: ["public"], build } });
  let release = 0;
  return async (beforeCall = (_call: number): void => undefined): Promise<NextDeploy> => {
    release += 1;
    await writeFiles(source, { "public/page.html": `${release}`, "app/index.mjs": `${APP}// ${release}\n` });
    const commit = release.toString(16).padStart(10, "0").padEnd(40, "0");
    let leftUndone = false;
    const counted = watchFileCalls({ before: beforeCall });
    const env = { WEBSITE_SITE_NAME: "shop", SCM_COMMIT_ID: commit };
    const { artifact } = await deployFolder(source, layout.root, env, {
      emit: ({ type }) => void (leftUndone ||= type === "left-undone"),
    });
    return { artifact, leftUndone, fileCalls: counted() };
  };
}

/** Not even the last page of the history has room then. */
function fill({ root, history }: SiteLayout, ballast: string): void {
  const size = statSync(history, { throwIfNoEntry: false })?.size ?? 0;
  const { bavail, bsize } = statfsSync(root);
  if (size > 0 && size % PAGE > 0) appendFileSync(history, "\n".repeat(PAGE - (size % PAGE)));
  try {
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
  } catch (error) {
    assert.equal(systemCode(error), "ENOSPC"); // The app took the last page for itself.
  }
}

/** Name of the current release, which has to be whole. */
async function wholeRelease(layout: SiteLayout): Promise<string> {
  const pointer = await readPointer(layout);
  assert.ok(pointer.state === "names", pointer.state);
  const manifest = await readManifest(layout, pointer.artifact);
  assert.ok(manifest !== undefined && (await matchesManifest(pointer.path, manifest)), pointer.artifact);
  return pointer.artifact;
}
