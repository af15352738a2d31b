import { Command, type CommanderError } from "commander";
import { ERROR_CODES, InplaceError } from "../errors.ts";
import { EXAMPLES } from "./examples.ts";

/** The name that nobody else has in the registry: `npx inplace` is another project's package. */
const NAME = "inplace-deploy";

/** The command without its verbs. `writeOut` gets the texts of --help and --version. */
export function createProgram(version: string, writeOut: (text: string) => void): Command {
  return (
    new Command(NAME)
      .description("Replaces a running web site in place, by the file system alone.")
      .version(version)
      .option("--site-root <folder>", "the site (default: the nearest folder upwards with a web.config)")
      .option("--json", "print exactly one JSON document on stdout")
      .configureHelp({ showGlobalOptions: true })
      .showSuggestionAfterError()
      .exitOverride()
      // Commander's own words on errors go out once, as a coded error.
      .configureOutput({ writeOut, writeErr: () => undefined })
  );
}

/** Lets --help of each verb show it in use. */
export function addExamples(command: Command, path = ""): void {
  for (const verb of command.commands) {
    const name = `${path}${verb.name()}`;
    const examples = EXAMPLES[name]?.map((example) => `  ${NAME} ${example}`) ?? [];
    if (examples.length > 0) verb.addHelpText("after", ["", "Examples:", ...examples].join("\n"));
    addExamples(verb, `${name} `);
  }
}

/** What is wrong with a command line, as Commander found it. */
export function usageError(error: CommanderError, program: Command, argv: readonly string[]): InplaceError {
  if (error.message !== "(outputHelp)")
    return new InplaceError("USAGE", error.message.replace(/^error: /, ""));
  const [first, second] = argv;
  if (first === "help") return new InplaceError("USAGE", `There is no verb ${JSON.stringify(second)}.`);
  const verb = verbOf(program, argv);
  const names = verb
    .createHelp()
    .visibleCommands(verb)
    .map((one) => one.name());
  return new InplaceError(
    "USAGE",
    `${verb.name()} what? One of ${names.filter((name) => name !== "help").join(", ")}.`,
  );
}

/** What to do about an error; of the command line: where its verb is described. */
export function hintFor(failure: InplaceError, program: Command, argv: readonly string[]): string {
  if (failure.hint !== ERROR_CODES.USAGE.hint) return failure.hint;
  const words = [];
  for (let verb: Command | null = verbOf(program, argv); verb !== null; verb = verb.parent)
    words.unshift(verb.name());
  return `Run ${words.join(" ")} --help.`;
}

/** The innermost verb that the command line names. */
function verbOf(program: Command, argv: readonly string[]): Command {
  let verb = program;
  for (const [at, word] of argv.entries()) {
    const isValue = argv[at - 1] === "--site-root";
    verb = (isValue ? undefined : verb.commands.find((one) => one.name() === word)) ?? verb;
  }
  return verb;
}
