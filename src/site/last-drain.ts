import { isText, isWhole, parseShape, withFields } from "../record-shape.ts";
import { isArtifactName, validArtifactName } from "./artifact-name.ts";
import { writeFileAtomic } from "./atomic-file.ts";
import type { SiteLayout } from "./layout.ts";
import { readRecord } from "./records.ts";

/** How long a release that was recycled took to answer what it had. Until then IIS turns new visitors away. */
export interface LastDrain {
  readonly artifact: string;
  /** Milliseconds. */
  readonly ms: number;
}

const isLastDrain = withFields<LastDrain>({
  artifact: (value): value is string => isText(value) && isArtifactName(value),
  ms: isWhole,
});

/** Called by the process that has drained, before it ends. */
export async function recordDrain(layout: SiteLayout, { artifact, ms }: LastDrain): Promise<void> {
  const line = JSON.stringify({ artifact: validArtifactName(artifact), ms: Math.round(ms) });
  await writeFileAtomic(layout, layout.lastDrain, `${line}\n`);
}

/** undefined where none was recorded, or nothing that can be read. */
export async function readLastDrain(layout: SiteLayout): Promise<LastDrain | undefined> {
  try {
    return parseShape((await readRecord(layout.lastDrain)) ?? "", isLastDrain);
  } catch {
    return undefined;
  }
}
