import { writeFileAtomic } from "./atomic-file.ts";
import type { SiteLayout } from "./layout.ts";
import { exists } from "./present.ts";
import { removeRecord } from "./records.ts";

/** Says to `inplace serve` whether a new process may run beside the old one; without a word it may. */
export async function writeOverlap(layout: SiteLayout, overlap: boolean): Promise<void> {
  if (overlap) await removeRecord(layout, layout.noOverlap);
  else if (!(await exists(layout.noOverlap)))
    await writeFileAtomic(
      layout,
      layout.noOverlap,
      'The app may not run twice: "overlap": false in inplace.config.json.\n',
    );
}

/** Whether a new process of the site may run beside the old one. */
export async function mayOverlap(layout: SiteLayout): Promise<boolean> {
  return !(await exists(layout.noOverlap));
}
