import { GitPluginError, simpleGit, type SimpleGitOptions } from "simple-git";
import { InplaceError } from "../../errors.ts";

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
  /** The file of the index, where it is not the repository's own. */
  readonly index?: string | undefined;
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
];

/** What people set in their environment is theirs to set; what is written here comes from no visitor. */
const UNTOUCHED: NonNullable<SimpleGitOptions["unsafe"]> = {
  allowAbbreviatedOptions: true,
  allowUnsafeAlias: true,
  allowUnsafeAskPass: true,
  allowUnsafeCommandBinaries: true,
  allowUnsafeConfigPaths: true,
  allowUnsafeConfigEnvCount: true,
  allowUnsafeCredentialHelper: true,
  allowUnsafeEditor: true,
  allowUnsafeMergeDriver: true,
  allowUnsafePager: true,
  allowUnsafeProtocolOverride: true,
  allowUnsafePack: true,
  allowUnsafeSshCommand: true,
  allowUnsafeGitProxy: true,
  allowUnsafeExec: true,
  allowUnsafeHooksPath: true,
  allowUnsafeDiffExternal: true,
  allowUnsafeDiffTextConv: true,
  allowUnsafeFilter: true,
  allowUnsafeFsMonitor: true,
  allowUnsafeGpgProgram: true,
  allowUnsafeTemplateDir: true,
  allowUnsafeInclude: true,
  allowUnsafeSubmodule: true,
  allowUnsafeUrlRewrite: true,
};

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
    try {
      return await run(folder, [...where, ...args], options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof GitWords)) throw error;
      const command = args.find((arg) => !arg.startsWith("-")) ?? "";
      throw new InplaceError("GIT_FAILED", `git ${command} failed in ${folder}: ${error.message}`, {
        cause: error,
      });
    }
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

/** What git itself said of a failure. */
class GitWords extends Error {}

async function run(folder: string, args: readonly string[], options: GitOptions): Promise<string> {
  const { signal, silenceMs = LIMIT_MS } = options;
  signal?.throwIfAborted();
  const limit = AbortSignal.timeout(LIMIT_MS);
  const env = environment(options);
  const said: Buffer[] = [];
  const git = simpleGit({
    baseDir: folder,
    config: ALWAYS,
    abort: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    timeout: { block: silenceMs },
    unsafe: UNTOUCHED,
    allowEnvironment: Object.keys(env),
    // Without this, a failure of which git says nothing would be none.
    errors: (error, { exitCode }) =>
      exitCode === 0 ? undefined : (error ?? Buffer.from(`exit code ${exitCode}`)),
  })
    .env(env)
    .outputHandler((_binary, _stdout, stderr) => stderr.on("data", (chunk: Buffer) => said.push(chunk)));
  try {
    return await git.raw([...args]);
  } catch (error) {
    signal?.throwIfAborted();
    const words = (end: string): GitWords =>
      new GitWords(lastLines(`${Buffer.concat(said).toString().trimEnd()}\n${end}`));
    if (limit.aborted) throw words(`it did not end within ${LIMIT_MS / 60_000} minutes`);
    if (error instanceof GitPluginError && error.plugin === "timeout")
      throw words(`nothing came for ${silenceMs / 1000} s`);
    if (NOT_STARTED.test((error as Error).message)) {
      const message = `git cannot be started in ${folder}: ${firstLine(error as Error)}.`;
      throw new InplaceError("GIT_MISSING", message, { cause: error });
    }
    throw said.length > 0 ? words("") : new GitWords((error as Error).message);
  }
}

/** As Node says it. */
const NOT_STARTED = /^Error: spawn .*\b(ENOENT|EACCES|ENOTDIR|E2BIG|EAGAIN|ENOMEM|EMFILE)\b/;

function firstLine({ message }: Error): string {
  return message.split("\n", 1)[0] ?? "";
}

/** Settings are given as pairs: in `-c` a name that holds "=" would be another setting. */
function environment({ settings = {}, index }: GitOptions): NodeJS.ProcessEnv {
  const env = withoutRepository(process.env);
  if (index !== undefined) env["GIT_INDEX_FILE"] = index;
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
