import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { ERROR_CODES, InplaceError } from "../errors.ts";
import { expandVariables } from "../platform/expand.ts";
import {
  pathProblems,
  programProblem,
  type PathProblem,
  type PathProblemKind,
} from "../platform/web-config/path-problems.ts";
import type { PlatformConfig } from "../platform/web-config/read.ts";
import { findProgram } from "../process/command.ts";
import { localPath, unquoted } from "../process/windows-path.ts";
import { readHandover } from "../site/handover.ts";
import { readLastGood } from "../site/health-marks.ts";
import { readDrainDeadline } from "../site/drain-deadline.ts";
import { readRecord } from "../site/records.ts";
import type { SiteLayout } from "../site/layout.ts";
import { spellingsOf } from "../site/windows-names.ts";
import { finding, type Finding, type FindingCode } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** Fewer rollouts a minute than this are too few for a busy day. */
const ROLLOUTS_PER_MINUTE = 5;
/** A start that takes more of its limit than this will exceed it one day. */
const NEAR_LIMIT = 0.8;
const OUR_LAUNCHER = /(^|[\\/])launch\.(cmd|sh)$/i;
const BATCH_OR_SHELL = /\.(cmd|bat|sh)$/i;

export async function checkAppOffline({ layout }: Patient): Promise<readonly Finding[]> {
  const names = spellingsOf(layout.appOffline);
  return names.length === 0 ? [] : [finding("APP_OFFLINE", `${names.join(" and ")} is there.`)];
}

/** What web.config asks of IIS, and what IIS makes of it. */
export async function checkWebConfig(patient: Patient): Promise<readonly Finding[]> {
  const { layout, webConfig } = patient;
  if (webConfig instanceof InplaceError) {
    if (webConfig.code === "WEB_CONFIG_MISSING") return [finding("WEB_CONFIG_MISSING", webConfig.message)];
    const isGeneral = webConfig.hint === ERROR_CODES.WEB_CONFIG_INVALID.hint;
    return [finding("WEB_CONFIG_UNSOUND", webConfig.message, isGeneral ? undefined : webConfig.hint)];
  }
  return [
    ...paths(patient, webConfig),
    ...(process.platform === "win32" ? [] : withoutEffect(webConfig)),
    ...(await quoting(patient, webConfig)),
    ...((await readHandover(layout)) === undefined ? rapidFails(webConfig) : []),
    ...(await startTime(layout, webConfig)),
    ...(await drainDeadline(layout, webConfig)),
  ];
}

/** The program that web.config names, which may be a launcher, or its twin for this system. */
export async function checkLauncher({ layout, webConfig, env }: Patient): Promise<readonly Finding[]> {
  if (webConfig instanceof InplaceError) return [];
  const written = expandVariables(webConfig.processPath, env);
  const { path } = findProgram(written, layout.root, env);
  const missing = programProblem(webConfig, layout.root, env);
  const isOurs = OUR_LAUNCHER.test(path) && missing?.kind === "program" && !existsSync(path);
  const findings: Finding[] = [];
  if (isOurs) findings.push(finding("LAUNCHER_MISSING", `There is no ${path}.`));
  else if (missing !== undefined) findings.push(asFinding(missing));
  if (!BATCH_OR_SHELL.test(path)) return findings;
  const batch = /\.(cmd|bat)$/i.test(unquoted(written)) ? localPath(written, layout.root).path : undefined;
  const text = batch === undefined ? "" : await readFile(batch, "utf8").catch(() => "");
  const detaching = text.split(/\r?\n/).find((line) => /^\s*@?start\s/i.test(line));
  if (detaching !== undefined) {
    findings.push(finding("LAUNCHER_DETACHES", `${batch} says ${JSON.stringify(detaching.trim())}.`));
  }
  const script = path.endsWith(".sh") ? await readFile(path, "utf8").catch(() => "") : "";
  if (script.includes("\r\n")) findings.push(finding("LAUNCHER_LINE_ENDS", `${path} has CRLF line ends.`));
  return findings;
}

const FINDING_OF = {
  program: "PROGRAM_MISSING",
  variable: "VARIABLE_UNSET",
  "not-here": "PATH_NOT_HERE",
  "log-outside": "LOG_OUTSIDE",
} as const satisfies Record<PathProblemKind, FindingCode>;

function asFinding({ kind, what, cure }: PathProblem): Finding {
  return finding(FINDING_OF[kind], what, cure);
}

/** What the program itself has to do with is told by checkLauncher. On App Service logs belong where they are fetched from. */
function paths({ layout, env }: Patient, config: PlatformConfig): readonly Finding[] {
  const program = programProblem(config, layout.root, env)?.what;
  return pathProblems(config, layout.root, env)
    .filter(({ kind, what }) => {
      if (kind === "log-outside" && env["WEBSITE_SITE_NAME"] !== undefined) return false;
      return what !== program;
    })
    .map(asFinding);
}

function withoutEffect(config: PlatformConfig): readonly Finding[] {
  return config.withoutEffect.map(({ place, setting, why }) =>
    finding("SETTING_WITHOUT_EFFECT", `${place}: ${setting} has no effect here: ${why}.`),
  );
}

/**
 * Windows finds a program whose path has blanks, but cmd.exe, which runs batch files, does not. Of arguments only what is
 * really there counts as a path: words of others may be anything.
 */
async function quoting({ layout, env }: Patient, config: PlatformConfig): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const { processPath } = config;
  const isThere = (path: string): Promise<boolean> =>
    isFile(localPath(expandVariables(path, env), layout.root).path);
  if (/\s.*\.(cmd|bat)$/i.test(processPath) && !processPath.includes('"') && (await isThere(processPath))) {
    findings.push(finding("PATH_NOT_QUOTED", `processPath is ${processPath}.`));
  }
  const words = config.arguments.replace(/"[^"]*"/g, "").split(/\s+/);
  for (let from = 0; from < words.length; from++) {
    for (let to = from + 2; to <= words.length; to++) {
      const path = words.slice(from, to).join(" ");
      if (path.trim() === path && (await isThere(path.replace(/^-[^=\\\s]*=/, "")))) {
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

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
