import type { Command } from "commander";
import type { ExitCode } from "../errors.ts";
import type { EventSink } from "../events.ts";
import type { SiteLayout } from "../site/layout.ts";
import type { Confirm } from "./confirm.ts";

/** All that a verb knows of the world outside; it throws InplaceError for whatever is expected to go wrong. */
export interface VerbContext {
  readonly cwd: string;
  /** Without the signing key: builds and apps inherit it. */
  readonly env: NodeJS.ProcessEnv;
  /** INPLACE_SIGNING_KEY: the file of the private key. */
  readonly signingKey: string | undefined;
  /** --json: stdout is for the one document. */
  readonly json: boolean;
  readonly emit: EventSink;
  /** Aborted by Ctrl+C, SIGTERM and SIGHUP; its reason is the INTERRUPTED error. A second signal exits at once. */
  readonly signal: AbortSignal;
  /** undefined where nobody can be asked. */
  readonly confirm: Confirm | undefined;
  /**
   * The first of: --site-root, `named`, INPLACE_SITE_ROOT, the nearest folder upwards with a web.config,
   * `otherwise` (default: cwd). Throws SITE_ROOT_MISSING, and NOT_A_SITE unless the verb may make a site of it.
   */
  site(options?: {
    readonly named?: string | undefined;
    readonly otherwise?: string;
    readonly mayBeNew?: boolean;
  }): SiteLayout;
}

/** What a verb ends with. */
export interface Outcome {
  /** Default: EXIT.done. */
  readonly exit?: ExitCode;
  /** For --json; schemaVersion is added. */
  readonly document: Readonly<Record<string, unknown>>;
  /** For people; nothing is printed where it is undefined. */
  readonly text?: string;
}

export interface RunOptions {
  /** It runs until it is told to end, and each line of its log has a time. Default: false. */
  readonly service?: boolean;
  /** false: SIGHUP is the verb's own affair where it does not come from a console of Windows. Default: true. */
  readonly hangup?: boolean;
  /** Whoever does not read the last of its output within so long has gone. Milliseconds; default: any time. */
  readonly unreadMs?: number;
}

/** Runs the body of a verb: context in, outcome printed, errors turned into exit codes. */
export type RunVerb = (
  body: (context: VerbContext) => Promise<Outcome>,
  options?: RunOptions,
) => Promise<void>;

/** A verb file exports one of these; main.ts lists them all. */
export type DefineVerb = (program: Command, run: RunVerb) => void;
