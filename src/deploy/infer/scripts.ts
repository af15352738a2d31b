import { asStart, formatStart, parseNodeArguments, wordsOf, type StartLine } from "../start-line.ts";

/** What a script comes to in production, and what it builds before. */
export interface ScriptMeaning {
  readonly start: StartLine;
  /** Scripts and programs before the start, as they are written. */
  readonly before: readonly string[];
}

/** Programs that start another one again and again while somebody develops: what they start is meant. */
const FOR_DEVELOPMENT: Readonly<Record<string, readonly string[]>> = {
  nodemon: ["-w", "--watch", "-e", "--ext", "-i", "--ignore", "-d", "--delay", "--signal", "--config"],
  "node-dev": [],
  "ts-node-dev": ["-P", "--project", "--watch", "--ignore-watch", "-O", "--compiler-options"],
  tsnd: ["-P", "--project", "--watch", "--ignore-watch"],
  forever: [],
  pm2: [],
  "pm2-runtime": [],
  dotenv: ["-e", "-c", "-p"],
  "env-cmd": ["-f", "--file", "-e", "--environments"],
};
const DEEPEST = 5;

/**
 * What `npm run NAME` runs: other scripts followed, cross-env and nodemon put aside. undefined where there is no such script,
 * or it takes a shell, or starts a tool for development alone.
 */
export function meaningOf(
  name: string,
  scripts: Readonly<Record<string, string>>,
  depth = 0,
): ScriptMeaning | undefined {
  const script = Object.hasOwn(scripts, name) ? scripts[name] : undefined;
  if (script === undefined || depth > DEEPEST) return undefined;
  const parts = script.split(/\s*&&\s*/);
  const before = parts.slice(0, -1).filter((part) => !/^(cd|set|echo|clear)\b/.test(part));
  const words = wordsOf(parts.at(-1) ?? "");
  const variables = parts.slice(0, -1).flatMap((part) => /^set (\w+=\S*)$/.exec(part.trim())?.[1] ?? []);
  if (words === undefined || parts.some((part) => part.startsWith("cd "))) return undefined;
  const meant = meaningOfWords([...variables, ...words], scripts, depth);
  return meant && { start: meant.start, before: [...before, ...meant.before] };
}

function meaningOfWords(
  words: readonly string[],
  scripts: Readonly<Record<string, string>>,
  depth: number,
): ScriptMeaning | undefined {
  const start = asStart(words);
  if (start === undefined || depth > DEEPEST) return undefined;
  const { env, program, args } = start;
  const again = (rest: readonly string[]): ScriptMeaning | undefined => {
    const meant = meaningOfWords(rest, scripts, depth + 1);
    return meant && { ...meant, start: { ...meant.start, env: { ...env, ...meant.start.env } } };
  };
  const other = scriptNamed(program, args, scripts);
  if (other !== undefined) {
    const meant = meaningOf(other, scripts, depth + 1);
    return meant && { ...meant, start: { ...meant.start, env: { ...env, ...meant.start.env } } };
  }
  switch (program) {
    case "cross-env":
    case "cross-env-shell":
    case "env":
    case "exec":
    case "npx":
      return again(args.filter((word, at) => !(at === 0 && /^(-y|--yes|--no-install)$/.test(word))));
    case "pnpm":
    case "yarn":
    case "bunx":
      return again(args[0] === "exec" || args[0] === "dlx" ? args.slice(1) : args);
    case "node":
    case "nodejs":
      return {
        start: { env, program: "node", args: args.filter((word) => !/^--(watch|inspect)/.test(word)) },
        before: [],
      };
    case "tsx":
      return again([
        "node",
        "--import",
        "tsx",
        ...args.filter((word) => !/^(watch|--watch|--clear-screen=.*)$/.test(word)),
      ]);
    case "ts-node":
    case "ts-node-transpile-only":
      return again(["node", "-r", "ts-node/register", ...args.filter((word) => !word.startsWith("-"))]);
    default:
      return Object.hasOwn(FOR_DEVELOPMENT, program) ? started(program, args, again) : { start, before: [] };
  }
}

/** npm start, yarn serve, pnpm run start:prod. */
function scriptNamed(
  program: string,
  args: readonly string[],
  scripts: Readonly<Record<string, string>>,
): string | undefined {
  if (!["npm", "pnpm", "yarn", "bun"].includes(program)) return undefined;
  const [first = "", second = ""] = args.filter((word) => !/^(-s|--silent)$/.test(word));
  const name = first === "run" || first === "run-script" ? second : first;
  return Object.hasOwn(scripts, name) ? name : undefined;
}

function started(
  program: string,
  args: readonly string[],
  again: (words: readonly string[]) => ScriptMeaning | undefined,
): ScriptMeaning | undefined {
  const withValue = FOR_DEVELOPMENT[program] ?? [];
  const rest: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? "";
    if (word === "-x" || word === "--exec")
      return again([...(wordsOf(args[at + 1] ?? "") ?? []), ...args.slice(at + 2)]);
    if (word === "--" || (!word.startsWith("-") && word !== "start")) {
      rest.push(...args.slice(word === "--" ? at + 1 : at));
      break;
    }
    if (withValue.includes(word)) at += 1;
  }
  const [first] = rest;
  if (first === undefined) return undefined;
  if (/^(ts-node-dev|tsnd)$/.test(program)) return again(["ts-node", ...rest]);
  return /\.tsx?$/.test(first)
    ? again(["ts-node", ...rest])
    : isFileName(first)
      ? again(["node", ...rest])
      : again(rest);
}

function isFileName(word: string): boolean {
  return /[\\/]|\.[cm]?js$/.test(word) || word === ".";
}

/** The file of the app that the line starts; undefined for the command of a package, or another program. */
export function fileOf({ program, args }: StartLine): string | undefined {
  if (program === "node") return parseNodeArguments(args)?.file;
  return /^\.{0,2}[\\/]/.test(program) ? program : undefined;
}

export { formatStart };
