import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isMarkedFailed, readLastGood } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readPointer } from "../site/pointer.ts";
import { provenBefore } from "../site/release-line.ts";
import { runnableFile } from "../site/trust/runnable.ts";
import type { NormalSuperviseOptions } from "./options.ts";
import { isSiteFault } from "./site-fault.ts";
import type { RolloutCause } from "./swap-report.ts";

/** An artifact that is to run, and why. */
export interface WantedRelease {
  readonly artifact: string;
  readonly path: string;
  readonly cause: RolloutCause;
  /** When the pointer was changed, milliseconds since the epoch; undefined where no pointer asked for it. */
  readonly pointedAt: number | undefined;
  /**
   * A first release that is not the last good one: it gets this long to be ready, milliseconds. Then the last good one
   * serves, and it is tried again beside that.
   */
  readonly firstMs?: number;
  /** What is wanted once this one serves. */
  readonly thenTry?: WantedRelease | undefined;
}

/** Less than any platform gives a start: IIS by default 10 s, in which the last good release has to be up as well. */
const FIRST_MS = 4_000;

/**
 * What to begin with: what the pointer names, unless that is marked failed and another one was good. Where the site's
 * records cannot be read, `unreadable` is told why, and the pointer alone decides.
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
    if (named !== undefined && named.artifact === (await readLastGood(layout))) return named;
    const good = await lastGoodRelease(layout, named?.artifact);
    if (good === undefined || named === undefined) return named ?? good;
    return (await isMarkedFailed(layout, named.artifact)) ? good : { ...named, firstMs: FIRST_MS };
  } catch (error) {
    unreadable(error);
    return named;
  }
}

/** The last good artifact, unless it is the one named; where it is gone or damaged, a whole one that was good before, else after it. */
export async function lastGoodRelease(
  layout: SiteLayout,
  except?: string,
): Promise<WantedRelease | undefined> {
  const lastGood = await readLastGood(layout);
  if (lastGood !== undefined && lastGood !== except && (await isWhole(layout, lastGood)))
    return goodRelease(layout, lastGood);
  for (const { artifact } of await provenBefore(layout, except ?? lastGood)) {
    if (artifact !== lastGood && (await isWhole(layout, artifact))) return goodRelease(layout, artifact);
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

/** How long it may take to be ready, milliseconds. */
export function readyMsOf(
  { firstMs }: WantedRelease,
  { readyMs }: Pick<NormalSuperviseOptions, "readyMs">,
): number {
  return Math.min(firstMs ?? readyMs, readyMs);
}

/** When the pointer was last written, milliseconds since the epoch. */
export async function pointedAt(layout: SiteLayout): Promise<number | undefined> {
  return (await stat(layout.pointer).catch(() => undefined))?.mtimeMs;
}
