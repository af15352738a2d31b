import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { InplaceError } from "../../errors.ts";
import { validCommit } from "../../site/artifact-name.ts";
import { gitIn, NO_WORDS, wordsOfGit, type Git, type GitOptions } from "./git.ts";

export interface Commit {
  /** All digits, lower case. */
  readonly id: string;
  readonly subject: string;
  readonly author: string;
}

export interface Repository {
  /** The working tree's top folder, or the bare repository; absolute. */
  readonly top: string;
  /** How git is told of it: nothing where it is found from `top`. */
  readonly place: Pick<GitOptions, "gitDir">;
  readonly git: Git;
  /** undefined in a repository without commits. */
  head(): Promise<Commit | undefined>;
  /** Throws COMMIT_INVALID for what is no commit id, COMMIT_UNKNOWN for what the repository does not have. */
  commit(id: string): Promise<Commit>;
  /** What git ignores and is there, relative to the top with "/"; a folder of nothing else ends with "/". */
  ignored(): Promise<string[]>;
}

/** The repository that the folder is part of; undefined where there is none. Throws NOT_A_REPOSITORY where git refuses it. */
export async function openRepository(folder: string): Promise<Repository | undefined> {
  const marker = findMarker(folder);
  if (marker === undefined) return undefined;
  try {
    const top = resolve((await gitIn(folder)("rev-parse", "--show-toplevel")).trimEnd());
    return repositoryAt(top, {});
  } catch (error) {
    throw refused(marker, error);
  }
}

/**
 * The bare repository that the folder lies in. It was named by who calls, so that `safe.bareRepository`, which is about
 * repositories that are come upon, has nothing to refuse. Throws NOT_A_BARE_REPOSITORY, or NOT_A_REPOSITORY where git refuses it.
 */
export async function openBareRepository(folder: string): Promise<Repository> {
  const git = gitIn(folder, { settings: { "safe.bareRepository": "all" } });
  let isBare: string;
  let gitDir: string;
  try {
    isBare = (await git("rev-parse", "--is-bare-repository")).trim();
    gitDir = resolve((await git("rev-parse", "--absolute-git-dir")).trimEnd());
  } catch (error) {
    if (looksBare(folder) || findMarker(folder) !== undefined) throw refused(folder, error);
    throw new InplaceError("NOT_A_BARE_REPOSITORY", `${folder} is no git repository.`, { cause: error });
  }
  if (isBare === "true") return repositoryAt(gitDir, { gitDir });
  throw new InplaceError("NOT_A_BARE_REPOSITORY", `${folder} is a repository with a working tree.`);
}

/** What a repository is called: its folder's name without ".git". */
export function repositoryName(folder: string): string {
  return basename(folder).replace(/\.git$/, "") || basename(dirname(folder));
}

function repositoryAt(top: string, place: Repository["place"]): Repository {
  const git = gitIn(top, place);
  const resolveCommit = async (revision: string): Promise<string> => {
    const revisions = ["--verify", "--quiet", "--end-of-options", `${revision}^{commit}`];
    return (await git("rev-parse", ...revisions).catch(nothing)).trim();
  };
  const describe = async (id: string): Promise<Commit> => {
    const format = ["--max-count=1", "--encoding=UTF-8", "--format=%an%x00%s"];
    const [heading = "", ...text] = (await git("rev-list", ...format, "--end-of-options", id)).split("\n");
    const [author = "", subject = ""] = text.join("\n").trimEnd().split("\0");
    return { id: heading.replace("commit ", ""), author, subject };
  };
  return {
    top,
    place,
    git,
    head: async () => {
      const id = await resolveCommit("HEAD");
      return id === "" ? undefined : describe(id);
    },
    commit: async (text) => {
      const wanted = validCommit(text);
      const id = await resolveCommit(wanted);
      // A branch may have a hexadecimal name; what was asked for is a commit.
      if (!id.startsWith(wanted)) {
        throw new InplaceError("COMMIT_UNKNOWN", `The repository ${top} has no commit ${wanted}.`);
      }
      return describe(id);
    },
    ignored: async () => {
      const which = ["--others", "--ignored", "--exclude-standard", "--directory"];
      const list = await git("ls-files", ...which, "-z");
      return list.split("\0").filter((path) => path !== "");
    },
  };
}

/** "hash subject" of the commits that `to` has and `from` has not, newest first. */
export async function commitsBetween(folder: string, from: string, to: string): Promise<string[]> {
  const range = `${validCommit(from)}..${validCommit(to)}`;
  const format = ["--encoding=UTF-8", "--format=%h %s"];
  const list = await gitIn(folder)("rev-list", ...format, "--end-of-options", range);
  // Each is preceded by a line with its id.
  return list.split("\n").filter((line, index) => index % 2 === 1 && line !== "");
}

/** What git did not find, it does not find silently. */
function nothing(error: unknown): string {
  if (wordsOfGit(error) === NO_WORDS) return "";
  throw error;
}

/** git's own words, in full: they often hold the cure. */
function refused(place: string, error: unknown): unknown {
  if (!(error instanceof InplaceError) || error.code !== "GIT_FAILED") return error;
  return new InplaceError("NOT_A_REPOSITORY", `git refuses ${place}: ${wordsOfGit(error)}`, { cause: error });
}

function looksBare(folder: string): boolean {
  return ["HEAD", "objects", "refs"].every((name) => existsSync(join(folder, name)));
}

function findMarker(folder: string): string | undefined {
  for (let at = resolve(folder); ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return join(at, ".git");
    if (dirname(at) === at) return undefined;
  }
}
