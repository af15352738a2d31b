import { stat } from "node:fs/promises";
import { isArtifactName } from "../site/artifact-name.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readRecord } from "../site/records.ts";

/** File systems keep times more coarsely than the clock runs; 2 s is FAT's step. */
const TIME_SLACK_MS = 2_000;

/** What our launcher says that it started, if it has said so since then; undefined where processPath is another program. */
export async function startedArtifact(layout: SiteLayout, since: number): Promise<string | undefined> {
  try {
    const { mtimeMs } = await stat(layout.started);
    const artifact = ((await readRecord(layout.started)) ?? "").trim();
    return mtimeMs >= since - TIME_SLACK_MS && isArtifactName(artifact) ? artifact : undefined;
  } catch {
    return undefined;
  }
}
