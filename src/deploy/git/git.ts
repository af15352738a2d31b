import { spawn } from "node:child_process";
import { once } from "node:events";
import { InplaceError } from "../../errors.ts";
import { killTree, TREE_SPAWN_OPTIONS } from "../../process/tree.ts";

/** No command of git works this long for a deploy. */
const LIMIT_MS = 30 * 60_000;
/** How many of git's last lines an error shows; what cures it stands at the end. */
const WORDS_LINES = 20;
/** Of a command whose answer is no, such as a quiet `rev-parse`. */
export const NO_WORDS = "exit code 1";

/** Gives what git writes to stdout. Rejects with GIT_FAILED and git's words, or with the signal's reason. */
export type Git = (...args: readonly string[]) => Promise<string>;

export interface GitOptions {
  /** The repository, where it is not to be looked for from the folder upwards. */
  readonly gitDir?: string;
  /** The working tree of `gitDir`; without it a bare repository. */
  readonly workTree?: string;
  /** Settings for these calls, beside those that hold for all. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Git is stopped when it has written nothing for so long, in milliseconds; for commands that were told to show progress. */
  readonly silenceMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Settings that people make for themselves, and that would change what is read, run programs of theirs in the middle of a
 * deploy, or leave some running. All else holds as they set it: safe.directory, ssh, credentials, proxies, filters.
 */
const ALWAYS = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.untrackedCache=false",
  "core.quotePath=false",
  "core.abbrev=auto",
  "color.ui=false",
  "log.showSignature=false",
  "submodule.recurse=false",
  "fetch.recurseSubmodules=false",
  "clone.defaultRemoteName=origin",
  "gc.auto=0",
  "maintenance.auto=false",
].flatMap((setting) => ["-c", setting]);

/**
 * What a hook, or a caller's own git, says of a repository that is not ours (`git rev-parse --local-env-vars`, without
 * what carries settings), and what changes how paths are read.
 */
const OF_ANOTHER_REPOSITORY: ReadonlySet<string> = new Set([
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_ATTR_SOURCE",
  "GIT_COMMON_DIR",
  "GIT_CONFIG",
  "GIT_DIR",
  "GIT_GLOB_PATHSPECS",
  "GIT_GRAFT_FILE",
  "GIT_ICASE_PATHSPECS",
  "GIT_IMPLICIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_INTERNAL_SUPER_PREFIX",
  "GIT_LITERAL_PATHSPECS",
  "GIT_NAMESPACE",
  "GIT_NOGLOB_PATHSPECS",
  "GIT_NO_REPLACE_OBJECTS",
  "GIT_OBJECT_DIRECTORY",
  "GIT_PREFIX",
  "GIT_QUARANTINE_PATH",
  "GIT_REDIRECT_STDERR",
  "GIT_REDIRECT_STDIN",
  "GIT_REDIRECT_STDOUT",
  "GIT_REPLACE_REF_BASE",
  "GIT_SHALLOW_FILE",
  "GIT_WORK_TREE",
]);

/** git in the folder. It asks nobody anything, and runs no hooks. */
export function gitIn(folder: string, options: GitOptions = {}): Git {
  const { gitDir, workTree } = options;
  const where = [
    ...(gitDir === undefined ? [] : [`--git-dir=${gitDir}`]),
    ...(workTree === undefined ? [] : [`--work-tree=${workTree}`]),
  ];
  return async (...args) => {
    const end = await run(folder, [...ALWAYS, ...where, ...args], options);
    if (end.code === 0) return end.stdout;
    const command = args.find((arg) => !arg.startsWith("-")) ?? "";
    const cause = new Error(end.words);
    throw new InplaceError("GIT_FAILED", `git ${command} failed in ${folder}: ${end.words}`, { cause });
  };
}

/** The environment that a repository of our own choice needs. */
export function withoutRepository(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !OF_ANOTHER_REPOSITORY.has(name.toUpperCase())),
  );
}

/** What git said in an error of `gitIn`, in full. */
export function wordsOfGit(error: unknown): string {
  const said = error instanceof InplaceError ? error.cause : error;
  return said instanceof Error ? said.message : String(said);
}

interface End {
  readonly code: number | null;
  readonly stdout: string;
  readonly words: string;
}

async function run(cwd: string, args: readonly string[], options: GitOptions): Promise<End> {
  const { signal, silenceMs = LIMIT_MS } = options;
  signal?.throwIfAborted();
  const child = spawn("git", args, {
    cwd,
    env: environment(options.settings ?? {}),
    stdio: ["ignore", "pipe", "pipe"],
    ...TREE_SPAWN_OPTIONS,
  });
  let stopped: string | undefined;
  const stop = (): void => void (child.pid !== undefined && killTree(child.pid));
  const stopFor = (reason: string) => (): void => {
    stopped = reason;
    stop();
  };
  const limit = setTimeout(stopFor(`it did not end within ${LIMIT_MS / 60_000} minutes`), LIMIT_MS);
  const silence = setTimeout(stopFor(`nothing came for ${silenceMs / 1000} s`), silenceMs);
  const written = [child.stdout, child.stderr].map((stream) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      silence.refresh();
    });
    return chunks;
  });
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    signal?.throwIfAborted();
    const [stdout = "", stderr = ""] = written.map((chunks) => Buffer.concat(chunks).toString());
    const words = lastLines([stderr.trimEnd(), stopped ?? ""].join("\n"));
    return { code, stdout, words: words || (code === 1 ? NO_WORDS : `exit code ${code}`) };
  } catch (error) {
    signal?.throwIfAborted();
    throw new InplaceError("GIT_MISSING", `git cannot be started in ${cwd}: ${(error as Error).message}.`, {
      cause: error,
    });
  } finally {
    clearTimeout(limit);
    clearTimeout(silence);
    signal?.removeEventListener("abort", stop);
  }
}

/** Settings are given as pairs: in `-c` a name that holds "=" would be another setting. */
function environment(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const env = withoutRepository(process.env);
  env["GIT_TERMINAL_PROMPT"] ??= "0";
  const given = Number(env["GIT_CONFIG_COUNT"] ?? 0);
  const own = Object.entries(settings);
  if (own.length === 0 || !Number.isInteger(given)) return env;
  for (const [index, [key, value]] of own.entries()) {
    env[`GIT_CONFIG_KEY_${given + index}`] = key;
    env[`GIT_CONFIG_VALUE_${given + index}`] = value;
  }
  env["GIT_CONFIG_COUNT"] = String(given + own.length);
  return env;
}

/** What a progress line replaced is left out. */
function lastLines(text: string): string {
  const lines = text.split("\n").map((line) => line.trimEnd().replace(/^.*\r/, ""));
  return lines.slice(-WORDS_LINES).join("\n").trim();
}
