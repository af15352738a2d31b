import { copyFile, lstat, mkdtemp, rm, stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gitIn } from "./git.ts";

/** What the index holds, relative to the top with "/". */
export interface Tracked {
  /** Files whose changes git was told not to look for. */
  readonly unwatched: readonly Unwatched[];
  readonly submodules: readonly string[];
}

interface Unwatched {
  readonly path: string;
  /** `git update-index --assume-unchanged` */
  readonly assumed: boolean;
  /** `git update-index --skip-worktree`. A file that is not there is left out of a sparse checkout, and is no change. */
  readonly skipped: boolean;
}

const ENTRY = /^(?<tag>\S) (?<mode>\d+) \S+ \d\t(?<path>[^]*)$/;
const SUBMODULE = "160000";

export async function trackedIn(top: string): Promise<Tracked> {
  // A lower-case tag: assumed unchanged.
  const list = await gitIn(top)("ls-files", "-v", "--stage", "-z");
  const unwatched: Unwatched[] = [];
  const submodules: string[] = [];
  for (const entry of list.split("\0")) {
    const { tag = "H", mode, path = "" } = ENTRY.exec(entry)?.groups ?? {};
    if (mode === SUBMODULE) submodules.push(path);
    const assumed = tag !== tag.toUpperCase();
    const skipped = tag.toUpperCase() === "S";
    if (skipped ? await isThere(join(top, path)) : assumed) unwatched.push({ path, assumed, skipped });
  }
  return { unwatched, submodules };
}

/**
 * Calls with an index of its own in which git looks for changes of these files as of all others; the repository's is only
 * read. `undefined` where there are none: the repository's own index says all.
 */
export async function withAllWatched<T>(
  top: string,
  unwatched: readonly Unwatched[],
  call: (index: string | undefined) => Promise<T>,
): Promise<T> {
  if (unwatched.length === 0) return call(undefined);
  const folder = await mkdtemp(join(tmpdir(), "inplace-index-"));
  try {
    const index = join(folder, "index");
    await copyIndex(top, index);
    const git = gitIn(top, { index, settings: { "core.ignoreStat": "false" } });
    const unmark = async (flag: string, files: readonly Unwatched[]): Promise<void> => {
      for (const paths of inParts(files.map(({ path }) => path)))
        await git("update-index", flag, "--", ...paths);
    };
    await unmark(
      "--no-assume-unchanged",
      unwatched.filter(({ assumed }) => assumed),
    );
    await unmark(
      "--no-skip-worktree",
      unwatched.filter(({ skipped }) => skipped),
    );
    return await call(index);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** With its time: git looks into files that were changed in the second in which the index was written. */
async function copyIndex(top: string, to: string): Promise<void> {
  const from = resolve(top, (await gitIn(top)("rev-parse", "--git-path", "index")).trimEnd());
  const { atime, mtime } = await stat(from);
  await copyFile(from, to);
  await utimes(to, atime, mtime);
}

/** Windows takes 32,767 characters in a command line. */
const MOST_CHARACTERS = 20_000;

function inParts(paths: readonly string[]): string[][] {
  const parts: string[][] = [];
  let room = 0;
  for (const path of paths) {
    if (room < path.length) {
      parts.push([]);
      room = MOST_CHARACTERS;
    }
    parts.at(-1)?.push(path);
    room -= path.length + 3;
  }
  return parts;
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
