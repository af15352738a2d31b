import { existsSync } from "node:fs";
import { readFile, realpath, rm, symlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { InplaceError } from "../errors.ts";
import { installPackages, packageManagerOf } from "./package-manager.ts";
import { buildFailed } from "./builders/builder.ts";
import type { Repository } from "./repository.ts";
import type { RunOptions } from "./run-command.ts";

/** A folder that shows the commit. */
export interface WorkingTree {
  readonly folder: string;
  /** Gives it the packages that its build needs. */
  providePackages(): Promise<void>;
  remove(): Promise<void>;
}

/** A clean working tree of the commit at `path`, gone again after `remove`. */
export async function checkOut(
  repository: Repository,
  commit: string,
  source: string,
  path: string,
  options: Omit<RunOptions, "cwd">,
): Promise<WorkingTree> {
  const remove = async (): Promise<void> => {
    await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    await repository.git("worktree", "prune");
  };
  try {
    await repository.git("worktree", "prune"); // What a killed deploy left registered.
    await repository.git("worktree", "add", "--detach", "--force", path, commit);
    if (existsSync(join(path, ".gitmodules"))) await repository.submodules(path);
  } catch (error) {
    await remove();
    options.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw buildFailed(`Commit ${commit.slice(0, 10)} could not be checked out`, reason.trim().split("\n"));
  }
  const below = relative(await realpath(repository.top), await realpath(source));
  const providePackages = async (): Promise<void> => {
    for (const place of new Set(["", below])) {
      await provide(join(repository.top, place), join(path, place), options);
    }
  };
  if (existsSync(join(path, below))) return { folder: join(path, below), providePackages, remove };
  await remove();
  throw new InplaceError("SOURCE_MISSING", `Commit ${commit.slice(0, 10)} has no folder ${below}.`);
}

// The same lock file means the same packages, and a link saves the minute that an installation takes.
async function provide(from: string, to: string, options: Omit<RunOptions, "cwd">): Promise<void> {
  const { lock: name } = packageManagerOf(to);
  if (name === undefined) return;
  const lock = await readFile(join(to, name));
  const own = await readFile(join(from, name)).catch(() => undefined);
  if (own?.equals(lock) === true && existsSync(join(from, "node_modules"))) {
    return symlink(join(from, "node_modules"), join(to, "node_modules"), "junction");
  }
  await installPackages(to, options);
}
