import { join } from "node:path";
import type { SiteLayout } from "../site/layout.ts";
import { exists } from "../site/present.ts";
import { readRecord } from "../site/records.ts";
import { CURRENT_RUNTIME_FILE } from "../site/runtime-bundle.ts";

/** Whether launchers, asked now, start a supervisor, which takes what is released by itself. */
export async function launchesSupervisor(layout: SiteLayout): Promise<boolean> {
  if (!(await exists(layout.handover))) return false;
  const version = (await readRecord(join(layout.runtime, CURRENT_RUNTIME_FILE)))?.trim();
  return version !== undefined && (await exists(join(layout.runtime, version, "supervise.mjs")));
}
