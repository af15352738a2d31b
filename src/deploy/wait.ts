import { setTimeout as delay } from "node:timers/promises";
import { InplaceError } from "../errors.ts";
import { listFailed, readLastGood, recordFailures } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readPointer } from "../site/pointer.ts";
import { readReleases } from "../site/releases.ts";

export const DEFAULT_WAIT_MS = 120_000;
const LOOK_MS = 100;

export interface WaitOptions {
  readonly layout: SiteLayout;
  /** Default: what the pointer names now. */
  readonly artifact: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Waits until an artifact has proved healthy. Throws START_FAILED once it is marked failed, TIMED_OUT after timeoutMs. */
export async function waitUntilLive(
  options: WaitOptions,
): Promise<{ readonly artifact: string; readonly ms: number }> {
  const { layout, signal, timeoutMs } = options;
  const startedAt = Date.now();
  const artifact = options.artifact ?? (await pointed(layout));
  for (;;) {
    if ((await readLastGood(layout)) === artifact || (await wasLive(layout, artifact))) {
      return { artifact, ms: Date.now() - startedAt };
    }
    const mark = (await listFailed(layout)).find((failed) => failed.artifact === artifact);
    if (mark !== undefined) {
      await recordFailures(layout);
      throw new InplaceError("START_FAILED", `${artifact} failed: ${mark.reason}.`, {
        hint: "The last good release goes on; look at inplace-deploy status.",
      });
    }
    if (Date.now() - startedAt > timeoutMs) {
      throw new InplaceError("TIMED_OUT", `${artifact} did not prove healthy within ${timeoutMs / 1000} s.`, {
        hint: "Is the site running, and does anybody ask it for something? See inplace-deploy status.",
      });
    }
    await delay(LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
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
        `The pointer names ${pointer.artifact}, which is not there.`,
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
