import { readFileSync } from "node:fs";
import { CommanderError, type Command } from "commander";
import {
  asFileError,
  asInplaceError,
  ERROR_CODES,
  EXIT,
  InplaceError,
  stackOf,
  type ExitCode,
} from "../errors.ts";
import { createLog } from "../log/log.ts";
import { packageFile } from "../package-files.ts";
import { confirmOnTerminal } from "./confirm.ts";
import { onInterrupt } from "./interrupt.ts";
import { findSite } from "./site-root.ts";
import { printDocument, printText } from "./print.ts";
import { outputWritten, standardOutput } from "../standard-streams.ts";
import { addExamples, createProgram, hintFor, usageError } from "./program.ts";
import type { RunOptions, RunVerb, VerbContext } from "./verb.ts";
import { verbsFor } from "./verbs.ts";

interface GlobalOptions {
  readonly siteRoot?: string;
  readonly json?: boolean;
}

/** Whoever does not read the last lines of an interrupted verb within so long does not read. Milliseconds. */
const INTERRUPTED_UNREAD_MS = 1_000;

/** Runs one command line and gives its exit code. Ends when the verb has ended and its output is with its reader. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  let exit: ExitCode = EXIT.done;
  const json = argv.includes("--json");
  const version = packageVersion();
  let shown = "";
  const program = createProgram(version, (text) => (shown += text));
  let unreadMs = Number.POSITIVE_INFINITY;
  const run: RunVerb = async (body, options = {}) => {
    unreadMs = options.unreadMs ?? unreadMs;
    const interrupt = onInterrupt(options);
    interrupt.signal.addEventListener("abort", () => (unreadMs = INTERRUPTED_UNREAD_MS));
    const outcome = await withContext(program.opts<GlobalOptions>(), options, interrupt.signal, body).finally(
      () => interrupt.close(),
    );
    exit = outcome.exit ?? EXIT.done;
    if (json) printDocument(outcome.document);
    else if (outcome.text !== undefined) printText(outcome.text);
  };
  for (const define of await verbsFor(argv)) define(program, run);
  addExamples(program);
  try {
    if (argv.length === 0)
      throw new InplaceError("USAGE", `A verb is missing.\n\n${program.helpInformation()}`);
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) {
      if (json) printDocument(error.code === "commander.version" ? { version } : { help: shown });
      else printText(shown.trimEnd());
    } else exit = fail(error, json, program, argv);
  }
  if (!(await outputWritten(unreadMs))) process.exit(exit);
  if (exit === EXIT.done && standardOutput.failure !== undefined) return resultLost(standardOutput.failure);
  return exit;
}

async function withContext<T>(
  options: GlobalOptions,
  { service = false }: RunOptions,
  signal: AbortSignal,
  body: (context: VerbContext) => Promise<T>,
): Promise<T> {
  const cwd = workingFolder();
  const env = process.env;
  const signingKey = env["INPLACE_SIGNING_KEY"] || undefined;
  // Out of this process too: git, its hooks and all else that is started inherit what it has.
  delete env["INPLACE_SIGNING_KEY"];
  const json = options.json === true;
  return await body({
    cwd,
    env,
    signingKey,
    json,
    emit: createLog({ json, timed: service }),
    signal,
    confirm: confirmOnTerminal(signal),
    site: ({ named, otherwise = cwd, mayBeNew = false } = {}) =>
      findSite([options.siteRoot, named, env["INPLACE_SITE_ROOT"]], { cwd, otherwise, mayBeNew }),
  });
}

/** What was done is done; who reads the result has to know that there is none. */
function resultLost(cause: Error): ExitCode {
  const { code, message, hint } = asInplaceError(asFileError(cause, "standard output"));
  createLog({ json: true })({ type: "command-failed", code, message, hint, stack: undefined });
  return EXIT.failed;
}

function workingFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new InplaceError("FILE_UNUSABLE", "The working folder is not there any more.", {
      hint: "Change to a folder that is there, then try again.",
      cause,
    });
  }
}

function fail(error: unknown, json: boolean, program: Command, argv: readonly string[]): ExitCode {
  const failure = error instanceof CommanderError ? usageError(error, program, argv) : asInplaceError(error);
  const hint = hintFor(failure, program, argv);
  if (json) {
    printDocument({ error: { code: failure.code, message: failure.message, hint } });
  } else {
    createLog({ json })({
      type: "command-failed",
      code: failure.code,
      message: failure.message,
      hint,
      stack: failure.code === "INTERNAL" ? stackOf(error) : undefined,
    });
  }
  return ERROR_CODES[failure.code].exit;
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile("package.json"), "utf8")) as { version: string }).version;
}
