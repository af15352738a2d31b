import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isMarkedFailed, readLastGood } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readPointer, writePointer } from "../site/pointer.ts";
import type { RolloutCause } from "./swap-report.ts";

/** An artifact that is to run, and why. */
export interface WantedRelease {
  readonly artifact: string;
  readonly path: string;
  readonly cause: RolloutCause;
  /** When the pointer was changed, milliseconds since the epoch; undefined where no pointer asked for it. */
  readonly pointedAt: number | undefined;
}

/** What to begin with: what the pointer names, unless that is marked failed; then the last good one. */
export async function firstRelease(layout: SiteLayout): Promise<WantedRelease | undefined> {
  const pointer = await readPointer(layout);
  if (pointer.state === "names" && !(await isMarkedFailed(layout, pointer.artifact))) {
    return { artifact: pointer.artifact, path: pointer.path, cause: "start", pointedAt: undefined };
  }
  return await lastGoodRelease(layout);
}

/** The last good artifact, if it is there and is not the one named. */
export async function lastGoodRelease(
  layout: SiteLayout,
  except?: string,
): Promise<WantedRelease | undefined> {
  const artifact = await readLastGood(layout);
  if (artifact === undefined || artifact === except) return undefined;
  const path = join(layout.target, artifact);
  const there = await stat(path).catch(() => undefined);
  return there === undefined ? undefined : { artifact, path, cause: "last-good", pointedAt: undefined };
}

/** When the pointer was last written, milliseconds since the epoch. */
export async function pointedAt(layout: SiteLayout): Promise<number | undefined> {
  return (await stat(layout.pointer).catch(() => undefined))?.mtimeMs;
}

/** Makes the pointer name what runs, if it still names what failed. */
export async function pointBack(layout: SiteLayout, failed: string, live: string): Promise<void> {
  const pointer = await readPointer(layout);
  if (pointer.state === "names" && pointer.artifact === failed) await writePointer(layout, live);
}
