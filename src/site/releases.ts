import { join } from "node:path";
import { namesIn } from "./present.ts";
import { isArtifactName } from "./artifact-name.ts";
import { listFailed, readLastGood } from "./health-marks.ts";
import { readHistory } from "./history.ts";
import type { SiteLayout } from "./layout.ts";
import { listPinned } from "./pins.ts";
import { readPointer } from "./pointer.ts";

/** An artifact that is in the target folder, and what is known of it. */
export interface Release {
  readonly artifact: string;
  readonly path: string;
  /** The pointer names it. */
  readonly current: boolean;
  readonly lastGood: boolean;
  /** No prune removes it. */
  readonly pinned: boolean;
  /** It was live at least once. */
  readonly proven: boolean;
  /** What lies there is what a deploy published, and not what somebody put in its place. */
  readonly deployed: boolean;
  /** Why it is marked failed, if it is. */
  readonly failed: string | undefined;
  /** When it was last published, adopted or rolled back to, ISO 8601; undefined if never. */
  readonly publishedAt: string | undefined;
}

/** All artifacts in the target folder, the most recently published first, those never published last. */
export async function readReleases(layout: SiteLayout): Promise<readonly Release[]> {
  const [names, pointer, lastGood, failed, history, pinned] = await Promise.all([
    artifactsIn(layout),
    readPointer(layout),
    readLastGood(layout),
    listFailed(layout),
    readHistory(layout),
    listPinned(layout),
  ]);
  const current = pointer.state === "names" ? pointer.artifact : undefined;
  const reasons = new Map(failed.map((mark) => [mark.artifact, mark.reason]));
  const published = new Map<string, string>();
  const proven = new Set<string>();
  const deployed = new Set<string>();
  for (const { event, artifact, at } of history.records) {
    if (event === "live") proven.add(artifact);
    if (event === "published") deployed.add(artifact);
    if (event === "adopted") deployed.delete(artifact);
    if (event === "published" || event === "adopted" || event === "rolled-back") published.set(artifact, at);
  }
  return names
    .map((artifact) => ({
      artifact,
      path: join(layout.target, artifact),
      current: artifact === current,
      lastGood: artifact === lastGood,
      pinned: pinned.has(artifact),
      proven: proven.has(artifact),
      deployed: deployed.has(artifact),
      failed: reasons.get(artifact),
      publishedAt: published.get(artifact),
    }))
    .sort(
      (a, b) =>
        (b.publishedAt ?? "").localeCompare(a.publishedAt ?? "") || b.artifact.localeCompare(a.artifact),
    );
}

/** Names in the target folder that can be artifacts. */
export async function artifactsIn(layout: SiteLayout): Promise<string[]> {
  return (await namesIn(layout.target)).filter(isArtifactName);
}
