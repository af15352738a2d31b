import { randomBytes } from "node:crypto";
import { lstat, open, utimes } from "node:fs/promises";
import { join } from "node:path";
import { dateOf } from "../date-of.ts";
import { asSiteError, systemCode } from "../errors.ts";
import { isArtifactName, validArtifactName } from "./artifact-name.ts";
import { writeFileAtomic } from "./atomic-file.ts";
import { appendHistory, readRecentHistory } from "./history.ts";
import type { SiteLayout } from "./layout.ts";
import { moveAside } from "./move-into.ts";
import { exists, namesIn } from "./present.ts";
import { asRecordError, makeFolder, readRecord, refuseForeignLinks, removeRecord } from "./records.ts";
import { removeTree } from "./remove-tree.ts";

// A launcher is a batch file or a shell script: it can create a file, but not append JSON with a UTC time.
// So it leaves a marker, and the next program of ours that looks takes the marker into the history.
// `<artifact>.<mtime>.recorded`, created exclusively, says that this very mark is in the history.
const RECORDED = /\.-?\d+\.recorded$/;

export interface FailureMark {
  readonly artifact: string;
  readonly reason: string;
  readonly at: Date;
}

/** Name of the last artifact that proved healthy, or undefined; one that has failed since is none. */
export async function readLastGood(layout: SiteLayout): Promise<string | undefined> {
  const name = (await readRecord(layout.lastGood))?.trim();
  if (name === undefined || !isArtifactName(name)) return undefined;
  return (await isMarkedFailed(layout, name)) ? undefined : name;
}

/**
 * Records that this artifact proved healthy: `last-good`, and `live` in the history when that is news. It may have been started
 * although it had failed, for want of another: then that mark goes. live: since when, and what the swap
 * cost.
 */
export async function markGood(
  layout: SiteLayout,
  artifact: string,
  live: { readonly at?: string; readonly swap?: object } = {},
): Promise<void> {
  const isNews = (await readLastGood(layout)) !== artifact;
  if (isNews) {
    if (await isMarkedFailed(layout, artifact)) await clearFailed(layout, artifact);
    await writeFileAtomic(layout, layout.lastGood, `${validArtifactName(artifact)}\n`);
  } else if ((await lastLive(layout)) === artifact) {
    // A program that writes `last-good` by itself leaves the history to us.
    return;
  }
  await appendHistory(layout, { event: "live", artifact, ...live });
}

async function lastLive(layout: SiteLayout): Promise<string | undefined> {
  return (await readRecentHistory(layout)).findLast(({ event }) => event === "live")?.artifact;
}

/**
 * Marks an artifact as failed: no watcher takes it for a new release and no launcher starts it until it is published again.
 * What is marked already keeps its time: one that is started for want of another fails again and again, which is told once.
 */
export async function markFailed(layout: SiteLayout, artifact: string, reason: string): Promise<void> {
  await makeFolder(layout, layout.failed);
  const mark = join(layout.failed, validArtifactName(artifact));
  const before = await lstat(mark).catch(() => undefined);
  await writeFileAtomic(layout, mark, `${reason}\n`);
  if (before !== undefined) await utimes(mark, before.atime, before.mtime);
  await recordFailures(layout);
}

/** Called by whoever publishes the artifact again. */
export async function clearFailed(layout: SiteLayout, artifact: string): Promise<void> {
  await recordFailures(layout);
  for (const name of await namesIn(layout.failed)) {
    if (name.replace(RECORDED, "") === artifact) await removeMark(layout, join(layout.failed, name));
  }
}

/** A mark may be anything, as launchers have it: what is no file is removed where nobody else can change it meanwhile. */
async function removeMark(layout: SiteLayout, path: string): Promise<void> {
  if ((await lstat(path).catch(() => undefined))?.isDirectory() !== true) return removeRecord(layout, path);
  await refuseForeignLinks(layout, layout.failed);
  await makeFolder(layout, layout.staging);
  const aside = join(layout.staging, `mark.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await removeTree(await moveAside(path, aside));
  } catch (error) {
    throw asRecordError(error, path);
  }
}

export async function isMarkedFailed(layout: SiteLayout, artifact: string): Promise<boolean> {
  return await exists(join(layout.failed, artifact));
}

export async function listFailed(layout: SiteLayout): Promise<readonly FailureMark[]> {
  const marks: FailureMark[] = [];
  // What a link leads to would be copied into the history for everybody to read.
  await refuseForeignLinks(layout, layout.failed);
  for (const artifact of await namesIn(layout.failed)) {
    if (RECORDED.test(artifact) || !isArtifactName(artifact)) continue;
    const path = join(layout.failed, artifact);
    const reason = (await readRecord(path).catch(() => "its mark cannot be read"))?.trim();
    if (reason !== undefined)
      marks.push({
        artifact,
        reason: reason || "it ended before it listened",
        at: dateOf((await lstat(path)).mtimeMs),
      });
  }
  return marks;
}

/** Takes markers that launchers left into the history, each once, also when several processes look at the same time. */
export async function recordFailures(layout: SiteLayout): Promise<void> {
  for (const { artifact, reason, at } of await listFailed(layout)) {
    if (await createOnce(join(layout.failed, `${artifact}.${at.getTime()}.recorded`))) {
      await appendHistory(layout, { event: "failed", artifact, reason, at: at.toISOString() });
    }
  }
}

async function createOnce(path: string): Promise<boolean> {
  try {
    await (await open(path, "wx")).close();
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw asSiteError(error, path);
  }
}
