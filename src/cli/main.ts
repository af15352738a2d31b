import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { asInplaceError, ERROR_CODES, EXIT, InplaceError, stackOf, type ExitCode } from "../errors.ts";
import { createLog } from "../log/log.ts";
import { packageFile } from "../package-files.ts";
import { confirmOnTerminal } from "./confirm.ts";
import { EXAMPLES } from "./examples.ts";
import { onInterrupt } from "./interrupt.ts";
import { findSite } from "./site-root.ts";
import { printDocument, printText } from "./print.ts";
import type { RunVerb, VerbContext } from "./verb.ts";
import { verbsFor } from "./verbs.ts";

/** The name that nobody else has in the registry: `npx inplace` is another project's package. */
const COMMAND_NAME = "inplace-deploy";

interface GlobalOptions {
  readonly siteRoot?: string;
  readonly json?: boolean;
}

/** Runs one command line and gives its exit code. Ends when the verb ends. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  let exit: ExitCode = EXIT.done;
  const json = argv.includes("--json");
  const program = new Command(COMMAND_NAME)
    .description("Replaces a running web site in place, by the file system alone.")
    .version(packageVersion())
    .option("--site-root <folder>", "the site (default: the nearest folder upwards with a web.config)")
    .option("--json", "print exactly one JSON document on stdout")
    .showSuggestionAfterError()
    .exitOverride()
    // Commander's own words go out once, by fail().
    .configureOutput({ writeErr: () => undefined });
  const run: RunVerb = async (body, { hangup } = {}) => {
    const outcome = await withContext(program.opts<GlobalOptions>(), hangup !== "reload", body);
    exit = outcome.exit ?? EXIT.done;
    if (json) printDocument(outcome.document);
    else if (outcome.text !== undefined) printText(outcome.text);
  };
  for (const define of await verbsFor(argv)) define(program, run);
  for (const verb of program.commands) {
    const examples = EXAMPLES[verb.name()]?.map((example) => `  ${COMMAND_NAME} ${example}`) ?? [];
    if (examples.length > 0) verb.addHelpText("after", ["", "Examples:", ...examples].join("\n"));
  }
  try {
    if (argv.length === 0)
      throw new InplaceError("USAGE", `A verb is missing.\n\n${program.helpInformation()}`);
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    exit = fail(error, json);
  }
  return exit;
}

async function withContext<T>(
  options: GlobalOptions,
  hangup: boolean,
  body: (context: VerbContext) => Promise<T>,
): Promise<T> {
  const cwd = workingFolder();
  const interrupt = onInterrupt({ hangup });
  const env = process.env;
  const signingKey = env["INPLACE_SIGNING_KEY"] || undefined;
  // Out of this process too: git, its hooks and all else that is started inherit what it has.
  delete env["INPLACE_SIGNING_KEY"];
  const json = options.json === true;
  try {
    return await body({
      cwd,
      env,
      signingKey,
      json,
      emit: createLog({ json }),
      signal: interrupt.signal,
      confirm: confirmOnTerminal(interrupt.signal),
      site: ({ named, otherwise = cwd } = {}) =>
        findSite([options.siteRoot, named, env["INPLACE_SITE_ROOT"]], { cwd, otherwise }),
    });
  } finally {
    interrupt.close();
  }
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

function fail(error: unknown, json: boolean): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
  const failure = asFailure(error);
  if (json) {
    printDocument({ error: { code: failure.code, message: failure.message, hint: failure.hint } });
  } else {
    createLog({ json })({
      type: "command-failed",
      code: failure.code,
      message: failure.message,
      hint: failure.hint,
      stack: failure.code === "INTERNAL" ? stackOf(error) : undefined,
    });
  }
  return ERROR_CODES[failure.code].exit;
}

function asFailure(error: unknown): InplaceError {
  if (error instanceof CommanderError)
    return new InplaceError("USAGE", error.message.replace(/^error: /, ""));
  return asInplaceError(error);
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile("package.json"), "utf8")) as { version: string }).version;
}
