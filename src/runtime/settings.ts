import { join } from "node:path";
import type { StoppableOptions } from "../listener/options.ts";
import type { ModuleToken } from "../listener/shutdown-request.ts";
import { SUPERVISED_ENV, WATCHED_ENV } from "../process/worker-messages.ts";
import { siteLayout } from "../site/layout.ts";
import { tolerantConfig, type RunningConfig } from "../site/site-config.ts";
import { mayNeedSignature } from "../site/trust/required-key.ts";
import { identityNow } from "../watch/identity.ts";

/** The site that this process serves, and as which artifact. */
export interface SiteOfApp {
  readonly root: string;
  readonly artifact: string;
  /** Of the artifact's file at the start of this process. */
  readonly identity: string;
  /** How many of several instances may be away at the same time. */
  readonly maxUnavailable: number;
  /** Then it runs from a checked copy, or not at all. */
  readonly needsSignature: boolean;
  /** Who started this process watches the site, and tells it to stop once the next one serves. */
  readonly watchedOutside: boolean;
}

/** What the launcher and the site say about this process. */
export interface Settings {
  /** undefined: not started by a launcher, or a supervisor watches; then nothing is watched here. */
  readonly site: SiteOfApp | undefined;
  readonly deadlineMs: number;
  /** So long an unproven release may take to listen, where another one is the last good. */
  readonly startMs: number;
  /** What else the site says about draining. */
  readonly drain: StoppableOptions;
  /** With this the module that started this very process asks it to stop. */
  readonly moduleToken: ModuleToken | undefined;
  /** Path of the health response of every server; undefined: none. */
  readonly healthPath: string | undefined;
  readonly signals: readonly NodeJS.Signals[];
  /** They do nothing. */
  readonly ignoredSignals: readonly NodeJS.Signals[];
  /** A closed standard input asks to stop, as far as the launching program says so. */
  readonly stopOnStdinEnd: boolean;
}

export const DEFAULT_DEADLINE_MS = 30_000;
/** As long as ASP.NET Core's module waits, the most patient of the platforms. */
export const DEFAULT_START_MS = 120_000;
/** Of several instances that share the site's folder, so many may be away at the same time. */
export const DEFAULT_MAX_UNAVAILABLE = 1;
/** Windows sends none of SIGTERM; SIGBREAK is Ctrl+Break, SIGHUP the closing of the console window. */
export const DEFAULT_SIGNALS: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGINT", "SIGBREAK", "SIGHUP"] : ["SIGTERM", "SIGINT", "SIGHUP"];

/** From the environment, then from the site's inplace.config.json; what is not sound there counts as not said. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const root = environment["INPLACE_SITE_ROOT"];
  const artifact = environment["INPLACE_ARTIFACT"];
  const config = root ? tolerantConfig(root) : {};
  return {
    site:
      root && artifact && !environment[SUPERVISED_ENV]
        ? {
            root,
            artifact,
            identity: identityNow(join(siteLayout(root).target, artifact)),
            maxUnavailable: unavailable(environment, config.drain ?? {}),
            needsSignature: mayNeedSignature(root, environment),
            watchedOutside: environment[WATCHED_ENV] === "1",
          }
        : undefined,
    deadlineMs:
      amount(environment["INPLACE_DRAIN_MS"]) ?? amount(config.drain?.deadlineMs) ?? DEFAULT_DEADLINE_MS,
    startMs: amount(environment["INPLACE_START_MS"]) ?? DEFAULT_START_MS,
    drain: drainOptions(environment, config.drain ?? {}),
    moduleToken: environment[SUPERVISED_ENV] ? undefined : moduleToken(environment),
    healthPath: environment["INPLACE_HEALTH_PATH"] || undefined,
    signals: signals(environment["INPLACE_SIGNALS"]) ?? DEFAULT_SIGNALS,
    ignoredSignals: ignoredSignals(environment["INPLACE_SIGNALS"] ?? ""),
    stopOnStdinEnd: environment["INPLACE_STOP_ON_STDIN_END"] === "1",
  };
}

/** What IIS's module gave to the process that it started, which hands it on to its children. */
export function moduleToken(environment: NodeJS.ProcessEnv): ModuleToken | undefined {
  for (const prefix of ["HTTP_PLATFORM", "ASPNETCORE"]) {
    const token = environment[`${prefix}_TOKEN`];
    if (token) return { token, appPath: environment[`${prefix}_APPL_PATH`] ?? "/" };
  }
  return undefined;
}

type DrainConfig = NonNullable<RunningConfig["drain"]>;

function drainOptions(environment: NodeJS.ProcessEnv, drain: DrainConfig): StoppableOptions {
  const longPollAfterMs = amount(environment["INPLACE_LONG_POLL_AFTER_MS"]) ?? amount(drain.longPollAfterMs);
  return longPollAfterMs === undefined ? {} : { longPollAfterMs };
}

function unavailable(environment: NodeJS.ProcessEnv, drain: DrainConfig): number {
  const asked = amount(environment["INPLACE_MAX_UNAVAILABLE"]) ?? amount(drain.maxUnavailable);
  return Math.max(1, Math.floor(asked ?? DEFAULT_MAX_UNAVAILABLE));
}

function amount(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? number : undefined;
}

/** "SIGTERM,SIGINT", or "none"; undefined where it names none, or only such as are to do nothing. See ignoredSignals. */
function signals(value = ""): NodeJS.Signals[] | undefined {
  const ignored = new Set(ignoredSignals(value));
  const names = value.split(/[\s,]+/).filter((name) => name !== "" && !name.startsWith("-"));
  return names.length === 0 ? undefined : names.filter(isSignal).filter((name) => !ignored.has(name));
}

/** Those with a minus in front. */
function ignoredSignals(value: string): NodeJS.Signals[] {
  const names = value.split(/[\s,]+/).filter((name) => name.startsWith("-"));
  return names.map((name) => name.slice(1)).filter(isSignal);
}

function isSignal(name: string): name is NodeJS.Signals {
  return /^SIG[A-Z0-9]+$/.test(name);
}
