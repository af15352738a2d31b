import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { lstat, mkdir, realpath, rm } from "node:fs/promises";
import { InplaceError } from "../../errors.ts";
import { isInside } from "../../paths.ts";
import { removeTree } from "../../site/remove-tree.ts";
import { gitIn, type Git, type GitOptions } from "./git.ts";
import type { Repository } from "./repository.ts";
import { addressOf, updateSubmodules } from "./submodules.ts";

/** In trees of our own files are as the commit has them, all of them, whatever people prefer in theirs. */
const AS_COMMITTED = {
  "core.autocrlf": "false",
  "core.eol": "native",
  "core.sparseCheckout": "false",
};

/** A working tree of the repository, at a path that is ours alone. */
export interface Worktree {
  readonly repository: Repository;
  readonly path: string;
  readonly signal: AbortSignal;
}

/**
 * Has the tree show the commit and its submodules, and nothing else but the packages that lie in it. One that is there from
 * an earlier commit is kept, unless git cannot use it any more, as after a kill: then it is made anew. Nobody else may be at
 * work in it. Throws GIT_FAILED.
 */
export async function showCommit(tree: Worktree, commit: string): Promise<void> {
  if (await isFolder(tree.path)) {
    try {
      await moveTo(tree, commit);
      return;
    } catch (error) {
      if (!(error instanceof InplaceError) || error.code !== "GIT_FAILED") throw error;
    }
  }
  await removeWorktree(tree);
  await mkdir(dirname(tree.path), { recursive: true });
  // Twice: also where an earlier one of this path is registered, or was being made when it was killed.
  const add = ["worktree", "add", "--detach", "--force", "--force"];
  await repositoryGit(tree)(...add, tree.path, commit);
  await showSubmodules(tree);
}

/** Takes the tree away, with what the repository knows of it, and of no other. */
export async function removeWorktree({ repository, path }: Worktree): Promise<void> {
  await removeTree(path);
  // Fails where none is registered, which is what is wanted, or damaged, which is in nobody's way.
  await repository.git("worktree", "remove", "--force", "--force", path).catch(() => undefined);
}

/** Takes away what the repository knows of trees in the folder that are gone: a kill left it. Others may be away for a while. */
export async function forgetLeft({ git }: Repository, folder: string): Promise<void> {
  const list = (await git("worktree", "list", "--porcelain")).split("\n");
  const paths = list
    .filter((line) => line.startsWith("worktree "))
    .map((line) => line.slice("worktree ".length));
  for (const path of paths) {
    if (isInside(folder, resolve(path)) && !existsSync(path))
      await git("worktree", "remove", "--force", "--force", path);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() === true;
}

async function moveTo(tree: Worktree, commit: string): Promise<void> {
  const git = treeGit(tree);
  const belongsTo = await realpath(resolve(tree.path, (await git("rev-parse", "--git-common-dir")).trim()));
  const own = (await tree.repository.git("rev-parse", "--git-common-dir")).trim();
  if (belongsTo !== (await realpath(resolve(tree.repository.top, own))))
    throw new InplaceError("GIT_FAILED", `${tree.path} belongs to ${belongsTo}.`);
  await forgetAttributes(tree.path, git, commit);
  await git("checkout", "--quiet", "--detach", "--force", commit);
  await git("clean", "--quiet", "-ffdx", "--exclude=node_modules");
  await showSubmodules(tree);
}

/**
 * Attributes say how files are written. Where the commit has others, all files have to be written anew, also those that are the
 * same in both: git does so where there is no index, and where no attributes are left that it would go by.
 */
async function forgetAttributes(path: string, git: Git, commit: string): Promise<void> {
  const which = ["--", ":(glob)**/.gitattributes"];
  const changed = await git("diff-tree", "-r", "--name-only", "-z", "HEAD", commit, ...which);
  if (changed === "") return;
  const index = (await git("rev-parse", "--git-path", "index")).trim();
  for (const file of [index, ...changed.split("\0")].filter((name) => name !== ""))
    await rm(resolve(path, file), { force: true });
}

async function showSubmodules(tree: Worktree): Promise<void> {
  const { repository, path, signal } = tree;
  const git = (options?: GitOptions): Git => treeGit(tree, options);
  await updateSubmodules({ path, git, signal }, () => addressOf(repository));
}

function repositoryGit({ repository, signal }: Worktree): Git {
  return gitIn(repository.top, { ...repository.place, settings: AS_COMMITTED, signal });
}

/** The tree is named: one whose own mark is gone would have git look further up, and work there. */
function treeGit({ path, signal }: Worktree, options: GitOptions = {}): Git {
  const settings = { ...AS_COMMITTED, ...options.settings };
  return gitIn(path, { ...options, gitDir: join(path, ".git"), workTree: path, settings, signal });
}
