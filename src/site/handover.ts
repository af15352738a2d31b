import { writeFileAtomic } from "./atomic-file.ts";
import type { SiteLayout } from "./layout.ts";
import { readRecord, removeRecord } from "./records.ts";

/**
 * Says to launchers whether they are to start a supervisor, which reads its options from what is written here: so a site
 * needs neither this package nor its configuration. undefined: they start the artifact.
 */
export async function writeHandover(layout: SiteLayout, options: object | undefined): Promise<void> {
  const text = options === undefined ? undefined : `${JSON.stringify(options, null, 2)}\n`;
  if ((await readHandover(layout)) === text) return;
  if (text === undefined) await removeRecord(layout, layout.handover);
  else await writeFileAtomic(layout, layout.handover, text);
}

/** What is written there; undefined where launchers start the artifact. */
export async function readHandover(layout: SiteLayout): Promise<string | undefined> {
  return await readRecord(layout.handover);
}
