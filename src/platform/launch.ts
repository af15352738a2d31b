import { InplaceError } from "../errors.ts";
import type { EventSink, PlatformEvent } from "../events.ts";
import type { ChildOptions, Exit } from "../process/child.ts";
import { findProgram, spawnCall } from "../process/command.ts";
import { mergedEnvironment } from "../process/environment.ts";
import { localPath } from "../process/windows-path.ts";
import { readDrainDeadline } from "../site/drain-deadline.ts";
import type { SiteLayout } from "../site/layout.ts";
import { WATCHED_ENV } from "../process/worker-messages.ts";
import { applicationEnvironment, ownVariables } from "./application-environment.ts";
import { expandVariables } from "./expand.ts";
import { STDOUT_LOG_MAX_BYTES, STDOUT_LOG_MAX_FILES, StdoutLog } from "./stdout-log.ts";
import { programProblem } from "./web-config/path-problems.ts";
import type { PlatformConfig } from "./web-config/read.ts";

/** How the processes of an application are started and judged: web.config made ready for use. */
export interface Launch {
  readonly layout: SiteLayout;
  /** The file that processPath names, or a bare name for PATH. */
  readonly program: string;
  readonly processes: number;
  readonly attempts: number;
  readonly startupTimeLimitMs: number;
  readonly shutdownTimeLimitMs: number;
  readonly rapidFailsPerMinute: number;
  readonly requestTimeoutMs: number;
  /** See InstanceOwner. */
  readonly sendsToken: boolean;
  /** As LaunchOptions.strict. */
  readonly strict: boolean;
  /** How long what is in flight may take when a process is replaced, milliseconds. */
  drainMs(): Promise<number>;
  child(port: number, token: string): ChildOptions;
  /** Whether an end that the handler did not ask for counts as a rapid fail. */
  countsAsFailure(exit: Exit): boolean;
}

export interface LaunchOptions {
  /** Exactly as the module behaves: an application that ends by itself has failed, whatever its exit code. */
  readonly strict: boolean;
  /** What the child inherits. */
  readonly env: NodeJS.ProcessEnv;
  readonly events: EventSink<PlatformEvent>;
  /** See SiteOptions. */
  readonly basePath: string;
  readonly onOutput: ChildOptions["onOutput"];
}

/**
 * Windows has no signal for it, and its job object ends only the process that was started: what a batch file runs has to
 * see that our end of its input has closed. POSIX has endWithUs, and shells there may close the input of what they start.
 */
const STOP_WITH_US = process.platform === "win32" ? { INPLACE_STOP_ON_STDIN_END: "1" } : {};

export function launchOf(config: PlatformConfig, layout: SiteLayout, options: LaunchOptions): Launch {
  const env = applicationEnvironment(config, options.env, layout.root);
  return {
    layout,
    program: findProgram(expandVariables(config.processPath, options.env), layout.root, env).path,
    processes: config.processesPerApplication,
    attempts: config.startupAttempts,
    startupTimeLimitMs: config.startupTimeLimitMs,
    shutdownTimeLimitMs: config.shutdownTimeLimitMs,
    rapidFailsPerMinute: config.rapidFailsPerMinute,
    sendsToken: config.section === "aspNetCore",
    strict: options.strict,
    requestTimeoutMs: config.requestTimeoutMs,
    drainMs: () => readDrainDeadline(layout, env),
    child: (port, token) => childOptions(config, layout, options, port, token),
    // An exit with 0 is how an application makes room for its next release.
    countsAsFailure: (exit) => options.strict || exit.code !== 0,
  };
}

function childOptions(
  config: PlatformConfig,
  layout: SiteLayout,
  options: LaunchOptions,
  port: number,
  token: string,
): ChildOptions {
  const platform = platformVariables(config, layout, options.basePath, port, token);
  const known = { ...options.env, ...platform };
  const expand = (text: string): string => expandVariables(text, known);
  const problem = programProblem(config, layout.root, options.env);
  if (problem !== undefined) {
    throw new InplaceError("PROGRAM_MISSING", `${problem.what} ${problem.cure}`, { hint: problem.cure });
  }
  const env = mergedEnvironment([
    options.env,
    STOP_WITH_US,
    ownVariables(config, known, layout.root),
    platform,
    { [WATCHED_ENV]: options.strict ? undefined : "1" },
  ]);
  return {
    call: spawnCall(expand(config.processPath), expand(config.arguments), layout.root, env),
    cwd: layout.root,
    env,
    ...output(config, layout, options, expand),
  };
}

/** To the caller, and into the log file that web.config may ask for. */
function output(
  config: PlatformConfig,
  layout: SiteLayout,
  options: LaunchOptions,
  expand: (text: string) => string,
): Pick<ChildOptions, "onOutput" | "onClose"> {
  if (!config.stdoutLogEnabled) return { onOutput: options.onOutput };
  const { path, notHere } = localPath(expand(config.stdoutLogFile), layout.root);
  if (notHere !== undefined) return { onOutput: options.onOutput }; // Which is told when web.config is read.
  const log = new StdoutLog({
    path,
    maxBytes: STDOUT_LOG_MAX_BYTES,
    // Each process has a file in use.
    maxFiles: STDOUT_LOG_MAX_FILES + config.processesPerApplication - 1,
    dropped: (entries) => options.events({ type: "log-behind", log: "stdout", entries }),
    failed: (error) => options.events({ type: "stdout-log-failed", problem: error.message }),
  });
  return {
    onOutput: (chunk, stream) => {
      log.write(chunk);
      options.onOutput?.(chunk, stream);
    },
    onClose: () => void log.close(),
  };
}

function platformVariables(
  config: PlatformConfig,
  layout: SiteLayout,
  basePath: string,
  port: number,
  token: string,
): Record<string, string> {
  const prefix = config.section === "httpPlatform" ? "HTTP_PLATFORM" : "ASPNETCORE";
  return {
    [`${prefix}_PORT`]: String(port),
    [`${prefix}_TOKEN`]: token,
    [`${prefix}_APPL_PATH`]: basePath,
    HTTP_PLATFORM_PORT: String(port),
    PORT: String(port),
    INPLACE_SITE_ROOT: layout.root,
  };
}
