import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { simpleGit } from "simple-git";
import { InplaceError } from "../errors.ts";
import { validCommit } from "../site/artifact-name.ts";

/** git that says nothing for this long is stuck (a prompt, a dead network share). */
const GIT_SILENCE_MS = 60_000;

export interface Commit {
  /** All digits, lower case. */
  readonly id: string;
  readonly subject: string;
  readonly author: string;
}

export interface Repository {
  /** Absolute path of the working tree's top folder. */
  readonly top: string;
  /** undefined in a repository without commits. */
  head(): Promise<Commit | undefined>;
  /** Throws COMMIT_INVALID for what is no commit id, COMMIT_UNKNOWN for what the repository does not have. */
  commit(id: string): Promise<Commit>;
  git(...args: string[]): Promise<string>;
  /** What git ignores and is there, relative to the top with "/"; a folder of nothing else ends with "/". */
  ignored(): Promise<string[]>;
  /** Fetches and checks out the submodules of a working tree of this repository. */
  submodules(workTree: string): Promise<void>;
}

/** The repository that the folder is part of; undefined where there is none. Throws NOT_A_REPOSITORY where git refuses it. */
export async function openRepository(folder: string): Promise<Repository | undefined> {
  const marker = findMarker(folder);
  if (marker === undefined) return undefined;
  const inFolder = gitIn(folder);
  let top: string;
  try {
    top = resolve((await inFolder("rev-parse", "--show-toplevel")).trimEnd());
  } catch (error) {
    throw new InplaceError("NOT_A_REPOSITORY", `git refuses ${marker}: ${firstLine(error)}`, {
      cause: error,
    });
  }
  const git = gitIn(top);
  const resolveCommit = (revision: string): Promise<string> =>
    git("rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`);
  const describe = async (id: string): Promise<Commit> => {
    const text = await git("show", "--no-patch", "--format=%H%x00%an%x00%s", "--end-of-options", id);
    const [full = id, author = "", subject = ""] = text.trimEnd().split("\0");
    return { id: full, author, subject };
  };
  return {
    top,
    git,
    ignored: async () => {
      const which = ["--others", "--ignored", "--exclude-standard", "--directory"];
      const list = await git("ls-files", ...which, "-z");
      return list.split("\0").filter((path) => path !== "");
    },
    submodules: async (workTree) =>
      void (await gitIn(workTree)("submodule", "update", "--init", "--recursive")),
    head: async () => {
      const id = await resolveCommit("HEAD").catch(() => "");
      return id.trim() === "" ? undefined : describe(id.trim());
    },
    commit: async (text) => {
      const wanted = validCommit(text);
      const id = (await resolveCommit(wanted).catch(() => "")).trim();
      // A branch may have a hexadecimal name; what was asked for is a commit.
      if (!id.startsWith(wanted)) {
        throw new InplaceError("COMMIT_UNKNOWN", `The repository ${top} has no commit ${wanted}.`);
      }
      return describe(id);
    },
  };
}

/** git's answer to a command in the folder. Rejects with GIT_FAILED and git's words. The environment's GIT_* (a hook's GIT_DIR) is kept away by simple-git. */
export function gitIn(folder: string): (...args: string[]) => Promise<string> {
  const git = simpleGit({ baseDir: folder, timeout: { block: GIT_SILENCE_MS } });
  return (...args) =>
    git.raw(args).catch((cause: unknown) => {
      const words = cause instanceof Error ? cause.message.trim() : String(cause);
      throw new InplaceError("GIT_FAILED", `git ${args[0]} failed in ${folder}: ${words}`, { cause });
    });
}

function findMarker(folder: string): string | undefined {
  for (let at = resolve(folder); ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return join(at, ".git");
    if (dirname(at) === at) return undefined;
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof InplaceError ? String((error.cause as Error).message) : String(error);
  return text.trim().split("\n")[0] ?? "";
}
