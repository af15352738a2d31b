import { createHash, type Hash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { lstat, readlink, readdir } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../../errors.ts";
import { gitIn } from "./git.ts";
import { trackedIn, withAllWatched } from "./tracked.ts";

export const DIRTY_DIGITS = 6;

/**
 * First six digits of a hash over all that differs from HEAD: content and mode of changed, added, deleted and untracked
 * files that are not ignored, also inside submodules, and of files that git was told to assume unchanged. undefined for a clean tree. `except`: paths below `top`, with "/".
 */
export async function hashChanges(top: string, except: readonly string[]): Promise<string | undefined> {
  const hash = createHash("sha256");
  const found = await addChanges(hash, top, except);
  return found === 0 ? undefined : hash.digest("hex").slice(0, DIRTY_DIGITS);
}

async function addChanges(hash: Hash, top: string, except: readonly string[]): Promise<number> {
  const { unwatched, submodules } = await trackedIn(top);
  const paths = await withAllWatched(top, unwatched, (index) => changedPaths(top, except, index));
  for (const path of paths.sort()) {
    hash.update(`${path}\0`);
    await addFile(hash, join(top, path));
  }
  let found = paths.length;
  // git asks them for changes as they were told to look for them.
  for (const path of submodules.filter((each) => !paths.includes(each)))
    found += await addUnseenChanges(hash, top, path);
  return found;
}

async function changedPaths(
  top: string,
  except: readonly string[],
  index: string | undefined,
): Promise<string[]> {
  const exclude = except.map((path) => `:(top,exclude,literal)${path}`);
  const scope = exclude.length === 0 ? [] : ["--", ":(top)", ...exclude];
  const flags = ["--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=none"];
  // The index is only read: a commit may be under way in the same working tree.
  const status = await gitIn(top, { index })("--no-optional-locks", "status", ...flags, ...scope);
  return status
    .split("\0")
    .filter((entry) => entry !== "")
    .map((entry) => entry.slice(3));
}

async function addUnseenChanges(hash: Hash, top: string, submodule: string): Promise<number> {
  if (!existsSync(join(top, submodule, ".git"))) return 0;
  const digits = await hashChanges(join(top, submodule), []);
  if (digits === undefined) return 0;
  hash.update(`${submodule}\0${digits}\0`);
  return 1;
}

async function addFile(hash: Hash, path: string): Promise<void> {
  let entry;
  try {
    entry = await lstat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR")
      return void hash.update("deleted\0");
    throw error;
  }
  if (entry.isSymbolicLink()) hash.update(`link\0${await readlink(path)}\0`);
  else if (entry.isDirectory()) await addNestedRepository(hash, path);
  else if (entry.isFile()) {
    hash.update(`file\0${entry.mode & 0o100 ? "x" : "-"}\0${entry.size}\0`);
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  }
}

// git names a folder only where it is a repository of its own: a submodule, or a clone inside the tree.
async function addNestedRepository(hash: Hash, path: string): Promise<void> {
  const isRepository = (await readdir(path)).includes(".git");
  const head = isRepository ? await gitIn(path)("rev-parse", "HEAD").catch(() => "") : "";
  hash.update(`repository\0${head.trim()}\0`);
  if (isRepository) await addChanges(hash, path, []);
}
