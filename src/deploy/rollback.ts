import { InplaceError } from "../errors.ts";
import type { EventSink, SiteEvent } from "../events.ts";
import { validArtifactName } from "../site/artifact-name.ts";
import { isMarkedFailed } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { acquireLock } from "../site/lock.ts";
import { describeArtifact, matchesManifest, readManifest } from "../site/manifest.ts";
import { releasesBefore } from "../site/release-line.ts";
import { artifactsIn } from "../site/releases.ts";
import { currentArtifact, makeCurrent } from "./publish.ts";
import { join } from "node:path";

export interface RollbackOptions {
  readonly layout: SiteLayout;
  /** From planRollback, or by name. */
  readonly artifact: string;
  /** What has to be current still; undefined: whatever is. */
  readonly from?: string | undefined;
  /** Also to an artifact that is marked failed. */
  readonly force: boolean;
  /** How the history tells it. Default: "rolled-back". */
  readonly event?: "published" | "rolled-back";
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly emit: EventSink<SiteEvent>;
}

export interface Rollback {
  readonly artifact: string;
  readonly previous: string | undefined;
}

/** What a rollback would do now. artifact: default the release before the current one, preferably one that was live. */
export async function planRollback(
  layout: SiteLayout,
  { artifact, force }: { readonly artifact: string | undefined; readonly force: boolean },
): Promise<Rollback> {
  const chosen = artifact ?? (await releaseBefore(layout));
  if (chosen === undefined) {
    const current = await currentArtifact(layout);
    throw new InplaceError("NOTHING_TO_ROLL_BACK", `There is no sound release before ${current ?? "now"}.`);
  }
  await expectUsable(layout, chosen, force);
  return { artifact: chosen, previous: await currentArtifact(layout) };
}

/** Makes an earlier artifact current again, as it is, without a build. Throws SUPERSEDED where `from` is not current. */
export async function rollback(options: RollbackOptions): Promise<Rollback> {
  const { layout, emit } = options;
  const lock = await acquireLock(layout, { waitMs: options.waitMs, signal: options.signal });
  try {
    const { artifact, from } = options;
    const current = await currentArtifact(layout);
    if (from !== undefined && from !== current) {
      throw new InplaceError("SUPERSEDED", `${current ?? "nothing"} is current by now, no more ${from}.`, {
        hint: "Look at inplace-deploy status, then roll back again.",
      });
    }
    await expectUsable(layout, artifact, options.force);
    const manifest = await readManifest(layout, artifact);
    const previous = await makeCurrent(
      layout,
      artifact,
      {
        event: options.event ?? "rolled-back",
        ...(manifest?.commit !== undefined && { commit: manifest.commit }),
        ...(manifest?.subject !== undefined && { subject: manifest.subject }),
      },
      emit,
    );
    return { artifact, previous };
  } finally {
    await lock.release();
  }
}

/** The sound release before the current one, preferably one that was live; undefined where there is none. */
export async function releaseBefore(layout: SiteLayout): Promise<string | undefined> {
  const candidates = await releasesBefore(layout, await currentArtifact(layout));
  return (candidates.find(({ proven }) => proven) ?? candidates[0])?.artifact;
}

/** Throws ARTIFACT_MISSING, ARTIFACT_INCOMPLETE or ARTIFACT_MARKED_FAILED. */
async function expectUsable(layout: SiteLayout, artifact: string, force: boolean): Promise<void> {
  if (!(await artifactsIn(layout)).includes(validArtifactName(artifact))) {
    throw new InplaceError("ARTIFACT_MISSING", `There is no ${artifact} in ${layout.target}.`);
  }
  const path = join(layout.target, artifact);
  const manifest = await readManifest(layout, artifact);
  if (manifest === undefined) await describeArtifact(path);
  else if (!(await matchesManifest(path, manifest))) {
    throw new InplaceError("ARTIFACT_INCOMPLETE", `${artifact} is not what its manifest says.`);
  }
  if (!force && (await isMarkedFailed(layout, artifact))) {
    throw new InplaceError("ARTIFACT_MARKED_FAILED", `${artifact} failed when it was started last.`);
  }
}
