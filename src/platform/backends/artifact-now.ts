import { isMarkedFailed } from "../../site/health-marks.ts";
import type { SiteLayout } from "../../site/layout.ts";
import type { Instance } from "../instance.ts";
import { startedArtifact } from "../started-artifact.ts";

/**
 * What a process runs now: its launcher marks an artifact that ended as failed, and runs another in its place. undefined:
 * nobody can say yet, or it says nothing of what it runs. overlaps: what was started last may be another process's.
 */
export async function artifactNow(
  layout: SiteLayout,
  { artifact, failedBefore, since }: Pick<Instance, "artifact" | "failedBefore" | "since">,
  overlaps: boolean,
): Promise<string | undefined> {
  // One that was marked before is started for want of another.
  const hasFailed = async (name: string): Promise<boolean> =>
    !failedBefore.has(name) && (await isMarkedFailed(layout, name));
  if (artifact === undefined || !(await hasFailed(artifact))) return artifact;
  if (overlaps) return undefined;
  const started = await startedArtifact(layout, since);
  return started === undefined || (await hasFailed(started)) ? undefined : started;
}
