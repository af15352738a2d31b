import { readHistory, type HistoryRecord } from "./history.ts";
import type { SiteLayout } from "./layout.ts";
import { readReleases, type Release } from "./releases.ts";

/** The sound releases that were current before this one (undefined: all that ever were), the latest first; see lineOfReleases. */
export async function releasesBefore(
  layout: SiteLayout,
  artifact: string | undefined,
): Promise<readonly Release[]> {
  const releases = new Map((await readReleases(layout)).map((release) => [release.artifact, release]));
  const line = lineOfReleases((await readHistory(layout)).records);
  const at = artifact === undefined ? -1 : line.lastIndexOf(artifact);
  const earlier = line.slice(0, at === -1 ? line.length : at).reverse();
  const sound = earlier.map((name) => releases.get(name)).filter((release) => release !== undefined);
  return sound.filter((release) => release.artifact !== artifact && release.failed === undefined);
}

/** What to go back to from this artifact without being asked: sound and live once, those that were current before it first. */
export async function provenBefore(
  layout: SiteLayout,
  artifact: string | undefined,
): Promise<readonly Release[]> {
  // The history may be gone, or say nothing of what was put there by hand.
  const all = [...(await releasesBefore(layout, artifact)), ...(await readReleases(layout))];
  return all.filter(
    (release) => release.artifact !== artifact && release.proven && release.failed === undefined,
  );
}

/** Oldest first. A rollback cuts off what came after its artifact, so that the next one goes further back, not forth. */
function lineOfReleases(records: readonly HistoryRecord[]): string[] {
  const line: string[] = [];
  for (const { event, artifact } of records) {
    if (event === "published" || event === "adopted") line.push(artifact);
    if (event !== "rolled-back") continue;
    const at = line.lastIndexOf(artifact);
    if (at === -1) line.push(artifact);
    else line.length = at + 1;
  }
  return line;
}
