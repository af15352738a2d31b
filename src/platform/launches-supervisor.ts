import { join } from "node:path";
import type { SiteLayout } from "../site/layout.ts";
import { exists } from "../site/present.ts";
import { currentRuntime } from "../site/runtime-bundle.ts";

/** Whether launchers, asked now, start a supervisor, which takes what is released by itself. */
export async function launchesSupervisor(layout: SiteLayout): Promise<boolean> {
  if (!(await exists(layout.handover))) return false;
  const version = await currentRuntime(layout);
  return version !== undefined && (await exists(join(layout.runtime, version, "supervise.mjs")));
}
