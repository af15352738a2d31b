import { InplaceError } from "../errors.ts";
import { isNodeProgram } from "../site/entry-point.ts";
import { isMarkedFailed, markFailed, readLastGood } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readPointer } from "../site/pointer.ts";
import { verifyArtifact } from "../site/verify.ts";

/**
 * Launchers are shell and cannot hash: of what they would start now, an artifact that is not what was published is marked
 * failed, so that they take another one. Node programs are left to the runtime, which looks at them by itself.
 */
export async function refuseAltered(layout: SiteLayout): Promise<void> {
  const pointer = await readPointer(layout);
  const pointed = pointer.state === "names" ? pointer.artifact : undefined;
  for (const artifact of [pointed, await readLastGood(layout)]) {
    if (artifact === undefined || (await isMarkedFailed(layout, artifact))) continue;
    if (await mayStart(layout, artifact)) return;
  }
}

/** What keeps it from being looked at keeps nothing from starting. */
async function mayStart(layout: SiteLayout, artifact: string): Promise<boolean> {
  try {
    if (!(await isNodeProgram(layout, artifact))) await verifyArtifact(layout, artifact);
  } catch (error) {
    if (error instanceof InplaceError && REFUSED.has(error.code)) {
      await markFailed(layout, artifact, `${error.code}: ${error.message}`);
      return false;
    }
  }
  return true;
}

const REFUSED: ReadonlySet<string> = new Set(["ARTIFACT_ALTERED", "ARTIFACT_UNSIGNED"]);
