import { setTimeout as delay } from "node:timers/promises";
import { InplaceError } from "../errors.ts";
import { isMarkedFailed, listFailed, readLastGood, recordFailures } from "../site/health-marks.ts";
import { readRecentHistory, type HistoryEvent } from "../site/history.ts";
import type { SiteLayout } from "../site/layout.ts";
import { pointedArtifact, readPointer, whereabouts } from "../site/pointer.ts";
import { readReleases } from "../site/releases.ts";

export const DEFAULT_WAIT_MS = 120_000;
const LOOK_MS = 100;

export interface WaitOptions {
  readonly layout: SiteLayout;
  /** Default: what was released last, see fallenBackFrom; else what the pointer names now. */
  readonly artifact: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Waits until an artifact has proved healthy. Throws START_FAILED once it is marked failed, ARTIFACT_MISSING or SUPERSEDED
 * where nothing would start it, TIMED_OUT after timeoutMs.
 */
export async function waitUntilLive(
  options: WaitOptions,
): Promise<{ readonly artifact: string; readonly ms: number }> {
  const { layout, signal, timeoutMs } = options;
  const startedAt = Date.now();
  const artifact = options.artifact ?? (await fallenBackFrom(layout)) ?? (await pointed(layout));
  for (;;) {
    const reason = await reasonNotToCome(layout, artifact);
    // A release that fails is marked before the pointer leaves it.
    if (await isLive(layout, artifact)) return { artifact, ms: Date.now() - startedAt };
    if (reason !== undefined) throw reason;
    if (Date.now() - startedAt > timeoutMs) {
      throw new InplaceError("TIMED_OUT", `${artifact} did not prove healthy within ${timeoutMs / 1000} s.`, {
        hint: "Is the site running, and does anybody ask it for something? See inplace-deploy status.",
      });
    }
    await delay(LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/**
 * What was released last, where it has failed and the pointer has gone back from it by itself: who deployed it means it, and
 * not the one before. undefined: the pointer says what is meant.
 */
export async function fallenBackFrom(layout: SiteLayout): Promise<string | undefined> {
  const moved = (await readRecentHistory(layout)).findLast(({ event }) => MOVES.has(event));
  if (moved === undefined || moved.event === "rolled-back") return undefined;
  const { artifact } = moved;
  const back = (await pointedArtifact(layout)) !== artifact && (await isMarkedFailed(layout, artifact));
  return back ? artifact : undefined;
}

/** The pointer is moved by them. */
const MOVES: ReadonlySet<HistoryEvent> = new Set(["published", "adopted", "rolled-back"]);

/** Throws START_FAILED where it is marked failed. */
async function isLive(layout: SiteLayout, artifact: string): Promise<boolean> {
  const lastGood = await readLastGood(layout);
  if (lastGood === artifact || (await wasLive(layout, artifact))) return true;
  const mark = (await listFailed(layout)).find((failed) => failed.artifact === artifact);
  if (mark === undefined) return false;
  await recordFailures(layout);
  throw new InplaceError("START_FAILED", sentence(`${artifact} failed: ${mark.reason}`), {
    hint:
      lastGood === undefined
        ? "No other release ever proved good: mend it, and deploy again."
        : `The last good release, ${lastGood}, goes on; look at inplace-deploy status.`,
  });
}

/** What the pointer does not name is started by nobody, unless it is a drop that still waits to be adopted. */
async function reasonNotToCome(layout: SiteLayout, artifact: string): Promise<InplaceError | undefined> {
  const pointer = await readPointer(layout);
  if (pointer.state !== "names" || pointer.artifact === artifact) return undefined;
  const { artifact: now } = pointer;
  const release = (await readReleases(layout)).find((one) => one.artifact === artifact);
  if (release === undefined)
    return new InplaceError("ARTIFACT_MISSING", `${layout.target} holds no ${artifact}; ${now} is current.`, {
      hint: "inplace-deploy history lists what there is.",
    });
  if (release.publishedAt === undefined) return undefined;
  return new InplaceError("SUPERSEDED", `${now} is current, and nothing starts ${artifact} any more.`);
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

async function pointed(layout: SiteLayout): Promise<string> {
  const pointer = await readPointer(layout);
  switch (pointer.state) {
    case "names":
      return pointer.artifact;
    case "missing":
      throw new InplaceError("ARTIFACT_MISSING", `Nothing was deployed to ${layout.root} yet.`);
    case "dangling":
      throw new InplaceError(
        "ARTIFACT_MISSING",
        `The pointer names ${pointer.artifact}, ${whereabouts(pointer)}.`,
      );
    case "invalid":
      throw pointer.error;
    default:
      return pointer satisfies never;
  }
}

/** It was, and has since been replaced by a newer one. */
async function wasLive(layout: SiteLayout, artifact: string): Promise<boolean> {
  const release = (await readReleases(layout)).find((one) => one.artifact === artifact);
  return release !== undefined && !release.current && release.proven && release.failed === undefined;
}
