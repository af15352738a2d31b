/** A program with its arguments and variables, as a line of package.json's scripts names it. */
export interface StartLine {
  readonly env: Readonly<Record<string, string>>;
  readonly program: string;
  readonly args: readonly string[];
}

/** How Node is to start a file: what `node FLAGS FILE ARGS` says, apart. */
export interface NodeStart {
  readonly requires: readonly string[];
  readonly imports: readonly string[];
  readonly envFiles: readonly string[];
  /** For V8, or without effect once Node runs. */
  readonly v8: readonly string[];
  readonly sourceMaps: boolean;
  readonly file: string;
  readonly args: readonly string[];
}

/** The words of a command line of the shell; undefined where it takes a shell to run it. */
export function wordsOf(line: string): string[] | undefined {
  if (/[|;<>&`\n()]|\$\(/.test(line.replace(/'[^']*'|"[^"]*"/g, ""))) return undefined;
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+/g)) {
    words.push(word.replace(/'([^']*)'|"((?:\\.|[^"\\])*)"/g, (_, single, double) => single ?? double));
  }
  return words;
}

const ASSIGNMENT = /^([A-Za-z_]\w*)=([^]*)$/;

/** Throws nothing: undefined where the line is empty, or takes a shell. */
export function parseStart(line: string): StartLine | undefined {
  return asStart(wordsOf(line) ?? []);
}

/** NAME=value … program arguments. */
export function asStart(words: readonly string[]): StartLine | undefined {
  const env: Record<string, string> = {};
  for (const [at, word] of words.entries()) {
    const [, name, value = ""] = ASSIGNMENT.exec(word) ?? [];
    if (name === undefined) return { env, program: word, args: words.slice(at + 1) };
    env[name] = value;
  }
  return undefined;
}

/** The line again. */
export function formatStart({ env, program, args }: StartLine): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}`);
  return [...variables, ...[program, ...args].map(quoted)].join(" ");
}

function quoted(word: string): string {
  return /^[\w$%{}@:,./\\=+*^~-]+$/.test(word) ? word : `"${word}"`;
}

const WITH_VALUE = new Set([
  "-r",
  "--require",
  "--import",
  "--loader",
  "--experimental-loader",
  "-C",
  "--conditions",
  "--env-file",
  "--env-file-if-exists",
]);

/** The arguments of `node`, with those of NODE_OPTIONS before them; undefined where they name no file. */
export function parseNodeArguments(words: readonly string[], options = ""): NodeStart | undefined {
  const requires: string[] = [];
  const imports: string[] = [];
  const envFiles: string[] = [];
  const v8: string[] = [];
  let sourceMaps = false;
  const ofOptions = wordsOf(options) ?? [];
  const all = [...ofOptions, ...words];
  let at = 0;
  for (; at < all.length; at += 1) {
    const word = all[at] ?? "";
    if (!word.startsWith("-")) {
      if (at >= ofOptions.length) break;
      continue;
    }
    const [flag, inline] = word.startsWith("--") ? splitOnce(word) : [word];
    const value = inline ?? (WITH_VALUE.has(flag) ? all[(at += 1)] : undefined) ?? "";
    if (flag === "-r" || flag === "--require") requires.push(value);
    else if (flag === "--import") imports.push(value);
    else if (flag === "--env-file" || flag === "--env-file-if-exists") envFiles.push(value);
    else if (flag === "--enable-source-maps") sourceMaps = true;
    else if (flag === "-e" || flag === "--eval" || flag === "-p" || flag === "--run") return undefined;
    else if (/^--(max|min|stack|expose|optimize|initial|semi)/.test(flag)) v8.push(word);
  }
  const file = all[at];
  if (file === undefined) return undefined;
  return { requires, imports, envFiles, v8, sourceMaps, file, args: all.slice(at + 1) };
}

function splitOnce(word: string): [string, string?] {
  const at = word.indexOf("=");
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}
