import { asInplaceError } from "../errors.ts";
import type { SiteLayout } from "../site/layout.ts";
import { isNetworkShare } from "../site/network-share.ts";
import { finding, type Finding } from "./finding.ts";
import { checkOthersMayWrite, checkSpace, checkWriting } from "./folder.ts";
import { checkAppOffline, checkLauncher, checkWebConfig } from "./handler.ts";
import { checkFileEvents, checkKudu, checkNode, checkPolling } from "./host.ts";
import { checkHandler } from "./iis.ts";
import { checkListenCall, checkListeners } from "./listening.ts";
import { checkHandover, checkRecycle } from "./rollout.ts";
import { admit, LEAST_FREE_BYTES, type Check, type Surroundings } from "./patient.ts";
import { checkConfig, checkHistory, checkLock, checkRuntime } from "./records.ts";
import { checkArchives, checkCurrent, checkPointer } from "./releases.ts";

/** One check that cannot look keeps no other from looking. A defect of ours is none of the site's. */
function unreadable(error: unknown): readonly Finding[] {
  const { code, message } = asInplaceError(error);
  if (code === "INTERNAL") throw error;
  return [finding("UNREADABLE", message)];
}

const CHECKS: readonly Check[] = [
  checkPointer,
  checkCurrent,
  checkArchives,
  checkAppOffline,
  checkWebConfig,
  checkLauncher,
  checkHandler,
  checkRecycle,
  checkHandover,
  checkConfig,
  checkRuntime,
  checkWriting,
  checkOthersMayWrite,
  checkSpace,
  checkListeners,
  checkListenCall,
  checkLock,
  checkHistory,
  checkKudu,
  checkFileEvents,
  checkPolling,
  checkNode,
];

/** Everything that is wrong with a site, what is broken first. Leaves the site as it is. */
export async function examine(
  layout: SiteLayout,
  surroundings: Partial<Surroundings> = {},
): Promise<readonly Finding[]> {
  const patient = await admit(layout, {
    env: process.env,
    nodeVersion: process.versions.node,
    now: Date.now(),
    leastFreeBytes: LEAST_FREE_BYTES,
    windowsFolder: process.platform === "win32" ? process.env["windir"] : undefined,
    isNetworkShare,
    ...surroundings,
  });
  const findings: Finding[] = [];
  for (const check of CHECKS) findings.push(...(await check(patient).catch(unreadable)));
  const rank = { broken: 0, risk: 1 } as const;
  return findings.sort((a, b) => rank[a.severity] - rank[b.severity]);
}
