import { join } from "node:path";
import { asSiteError } from "../errors.ts";
import type { EventSink, SiteEvent } from "../events.ts";
import { clearFailed, isMarkedFailed } from "../site/health-marks.ts";
import { appendHistory } from "../site/history.ts";
import type { SiteLayout } from "../site/layout.ts";
import { recordPlace } from "../site/left-alone.ts";
import { manifestPath, readManifest, writeManifest, type Manifest } from "../site/manifest.ts";
import { moveInto } from "../site/move-into.ts";
import { assertSigned } from "../site/signature.ts";
import { recordVerified, verifiedPath } from "../site/verified.ts";
import { readPointer, writePointer } from "../site/pointer.ts";
import { makeFolders, removeRecord } from "../site/records.ts";
import { removeTree } from "../site/remove-tree.ts";

/** Puts a built artifact, whole and described, into the target folder under its manifest's name; not yet current. */
export async function placeArtifact(layout: SiteLayout, staged: string, manifest: Manifest): Promise<void> {
  const path = join(layout.target, manifest.artifact);
  try {
    // The manifest first: an artifact without one would be taken for a drop by hand.
    await writeManifest(layout, manifest);
    await makeFolders(layout.target);
    await moveInto(staged, path);
    await recordVerified(layout, manifest.artifact);
  } catch (error) {
    await removeRecord(layout, manifestPath(layout, manifest.artifact)).catch(() => undefined); // The error says more.
    throw asSiteError(error, path);
  }
}

/** Takes an artifact that never became current out of the site again. */
export async function withdrawArtifact(layout: SiteLayout, artifact: string): Promise<void> {
  await removeTree(join(layout.target, artifact));
  await removeRecord(layout, manifestPath(layout, artifact));
  await removeRecord(layout, verifiedPath(layout, artifact));
}

/** What made an artifact current, for the history. */
export interface PointerMove {
  readonly event: "published" | "rolled-back";
  readonly commit?: string;
  readonly subject?: string;
  readonly reason?: string;
}

/** Makes an artifact of the target folder current and gives the one that was. An unchanged pointer makes no history. */
export async function makeCurrent(
  layout: SiteLayout,
  artifact: string,
  move: PointerMove,
  emit: EventSink<SiteEvent>,
): Promise<string | undefined> {
  const previous = await currentArtifact(layout);
  const failedBefore = await isMarkedFailed(layout, artifact);
  if (previous === artifact && !failedBefore) return previous;
  await assertSigned(layout, artifact, await readManifest(layout, artifact));
  // Cleared first: who sees the moved pointer must not find the artifact still marked.
  await clearFailed(layout, artifact);
  await writePointer(layout, artifact);
  emit({ type: "pointer-moved", artifact, previous });
  await afterwards("a copy of the site may bring old files to life", emit, () => recordPlace(layout));
  await afterwards("history does not tell it", emit, () => appendHistory(layout, { ...move, artifact }));
  return previous;
}

/** Does what follows on a moved pointer: where it fails, on a full disk say, that is told, and the release stays. */
export async function afterwards(
  what: string,
  emit: EventSink<SiteEvent>,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    emit({ type: "left-undone", what, message: error instanceof Error ? error.message : String(error) });
  }
}

/** The artifact that a sound pointer names, whether it is there or not. */
export async function currentArtifact(layout: SiteLayout): Promise<string | undefined> {
  const pointer = await readPointer(layout);
  return pointer.state === "names" || pointer.state === "dangling" ? pointer.artifact : undefined;
}
