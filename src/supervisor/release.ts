import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isMarkedFailed, readLastGood } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readPointer } from "../site/pointer.ts";
import { readReleases } from "../site/releases.ts";
import { runnableFile } from "../site/trust/runnable.ts";
import { isSiteFault } from "./site-fault.ts";
import type { RolloutCause } from "./swap-report.ts";

/** An artifact that is to run, and why. */
export interface WantedRelease {
  readonly artifact: string;
  readonly path: string;
  readonly cause: RolloutCause;
  /** When the pointer was changed, milliseconds since the epoch; undefined where no pointer asked for it. */
  readonly pointedAt: number | undefined;
}

/**
 * What to begin with: what the pointer names, unless that is marked failed; then the last good one. Where the site's records
 * cannot be read, `unreadable` is told why, and the pointer alone decides.
 */
export async function firstRelease(
  layout: SiteLayout,
  unreadable: (error: unknown) => void,
): Promise<WantedRelease | undefined> {
  const pointer = await readPointer(layout);
  const named: WantedRelease | undefined =
    pointer.state === "names"
      ? { artifact: pointer.artifact, path: pointer.path, cause: "start", pointedAt: undefined }
      : undefined;
  try {
    if (named !== undefined && !(await isMarkedFailed(layout, named.artifact))) return named;
    return await lastGoodRelease(layout);
  } catch (error) {
    unreadable(error);
    return named;
  }
}

/** The last good artifact, unless it is the one named; where it is gone or damaged, the newest whole one that was good once. */
export async function lastGoodRelease(
  layout: SiteLayout,
  except?: string,
): Promise<WantedRelease | undefined> {
  const lastGood = await readLastGood(layout);
  if (lastGood === undefined) return undefined;
  if (await isWhole(layout, lastGood)) return lastGood === except ? undefined : goodRelease(layout, lastGood);
  for (const { artifact, proven, failed } of await readReleases(layout)) {
    const usable = proven && failed === undefined && artifact !== except && artifact !== lastGood;
    if (usable && (await isWhole(layout, artifact))) return goodRelease(layout, artifact);
  }
  return undefined;
}

function goodRelease(layout: SiteLayout, artifact: string): WantedRelease {
  return { artifact, path: join(layout.target, artifact), cause: "last-good", pointedAt: undefined };
}

/** What cannot be read counts as damaged; a fault of the site says nothing about it, and its start will tell. */
async function isWhole(layout: SiteLayout, artifact: string): Promise<boolean> {
  try {
    await runnableFile(layout, artifact);
    return true;
  } catch (error) {
    return isSiteFault(error);
  }
}

/** When the pointer was last written, milliseconds since the epoch. */
export async function pointedAt(layout: SiteLayout): Promise<number | undefined> {
  return (await stat(layout.pointer).catch(() => undefined))?.mtimeMs;
}
