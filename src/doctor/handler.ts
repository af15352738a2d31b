import { readFile, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { InplaceError } from "../errors.ts";
import type { PlatformConfig } from "../platform/web-config/read.ts";
import { readHandover } from "../site/handover.ts";
import { readLastGood } from "../site/health-marks.ts";
import { readDrainDeadline } from "../site/drain-deadline.ts";
import { readRecord } from "../site/records.ts";
import type { SiteLayout } from "../site/layout.ts";
import { finding, type Finding } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** Fewer rollouts a minute than this are too few for a busy day. */
const ROLLOUTS_PER_MINUTE = 5;
/** A start that takes more of its limit than this will exceed it one day. */
const NEAR_LIMIT = 0.8;

export async function checkAppOffline({ layout }: Patient): Promise<readonly Finding[]> {
  return (await isFile(layout.appOffline)) ? [finding("APP_OFFLINE", `${layout.appOffline} is there.`)] : [];
}

/** What web.config asks of IIS, and what IIS makes of it. */
export async function checkWebConfig({ layout, webConfig }: Patient): Promise<readonly Finding[]> {
  if (webConfig instanceof InplaceError) {
    const code = webConfig.code === "WEB_CONFIG_MISSING" ? "WEB_CONFIG_MISSING" : "WEB_CONFIG_UNSOUND";
    return [finding(code, webConfig.message)];
  }
  return [
    ...(await quoting(layout, webConfig)),
    ...((await readHandover(layout)) === undefined ? rapidFails(webConfig) : []),
    ...(await startTime(layout, webConfig)),
    ...(await drainDeadline(layout, webConfig)),
  ];
}

/** The launcher that web.config names, or its twin for this system. */
export async function checkLauncher({ layout, webConfig }: Patient): Promise<readonly Finding[]> {
  if (webConfig instanceof InplaceError) return [];
  const path = inSite(layout, webConfig.processPath);
  if (!/\.(cmd|bat|sh)$/i.test(path)) return [];
  const twin = process.platform === "win32" ? path : path.replace(/\.(cmd|bat)$/i, ".sh");
  const findings: Finding[] = [];
  if (!(await isFile(twin))) findings.push(finding("LAUNCHER_MISSING", `There is no ${twin}.`));
  const batch = await readFile(path, "utf8").catch(() => "");
  const detaching = batch.split(/\r?\n/).find((line) => /^\s*@?start\s/i.test(line));
  if (/\.(cmd|bat)$/i.test(path) && detaching !== undefined) {
    findings.push(finding("LAUNCHER_DETACHES", `${path} says ${JSON.stringify(detaching.trim())}.`));
  }
  const script = twin.endsWith(".sh") ? await readFile(twin, "utf8").catch(() => "") : "";
  if (script.includes("\r\n")) findings.push(finding("LAUNCHER_LINE_ENDS", `${twin} has CRLF line ends.`));
  return findings;
}

/** Only what is really there counts as a path: words of other arguments may be anything. */
async function quoting(layout: SiteLayout, config: PlatformConfig): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const { processPath } = config;
  if (/\s/.test(processPath) && !processPath.startsWith('"') && (await isFile(inSite(layout, processPath)))) {
    findings.push(finding("PATH_NOT_QUOTED", `processPath is ${processPath}.`));
  }
  const words = config.arguments.replace(/"[^"]*"/g, "").split(/\s+/);
  for (let from = 0; from < words.length; from++) {
    for (let to = from + 2; to <= words.length; to++) {
      const path = words.slice(from, to).join(" ");
      if (path.trim() === path && (await isFile(inSite(layout, path)))) {
        findings.push(finding("PATH_NOT_QUOTED", `arguments hold ${path}.`));
      }
    }
  }
  return findings;
}

/** A handover ends no process that the handler counts. */
function rapidFails({ rapidFailsPerMinute, processesPerApplication }: PlatformConfig): readonly Finding[] {
  if (rapidFailsPerMinute >= ROLLOUTS_PER_MINUTE * processesPerApplication) return [];
  const what =
    `rapidFailsPerMinute is ${rapidFailsPerMinute} for ${processesPerApplication} processes: ` +
    `after ${Math.floor(rapidFailsPerMinute / processesPerApplication)} rollouts within a minute the site is down for the rest of it.`;
  return [finding("RAPID_FAILS_LOW", what)];
}

/** From the launcher's note that it starts the artifact to the mark that it proved itself. */
async function startTime(
  layout: SiteLayout,
  { startupTimeLimitMs }: PlatformConfig,
): Promise<readonly Finding[]> {
  const started = ((await readRecord(layout.started)) ?? "").trim();
  if (started === "" || started !== (await readLastGood(layout))) return [];
  const [from, to] = await Promise.all([layout.started, layout.lastGood].map((path) => stat(path)));
  const tookMs = Math.round((to?.mtimeMs ?? 0) - (from?.mtimeMs ?? 0));
  if (tookMs < startupTimeLimitMs * NEAR_LIMIT) return [];
  const what = `${started} took ${tookMs} ms from its start to its proof; startupTimeLimit is ${startupTimeLimitMs} ms.`;
  return [finding("START_NEAR_LIMIT", what)];
}

async function drainDeadline(
  layout: SiteLayout,
  { requestTimeoutMs }: PlatformConfig,
): Promise<readonly Finding[]> {
  const deadlineMs = await readDrainDeadline(layout, {});
  if (deadlineMs <= requestTimeoutMs) return [];
  return [
    finding("DRAIN_TOO_LONG", `drain.deadlineMs is ${deadlineMs}, requestTimeout ${requestTimeoutMs} ms.`),
  ];
}

function inSite({ root }: SiteLayout, path: string): string {
  const plain = path.replaceAll('"', "");
  const native = process.platform === "win32" ? plain : plain.replaceAll("\\", "/");
  return isAbsolute(native) ? native : join(root, native);
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
