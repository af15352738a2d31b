import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { DEFAULT_BUILD_LIMIT_MS } from "../config/config.ts";
import { InplaceError } from "../errors.ts";
import type { DeployEvent, EventSink } from "../events.ts";
import type { Repository } from "./git/repository.ts";
import { forgetLeft, removeWorktree, showCommit } from "./git/worktree.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { installOnce, installWhenChanged, providePackages, type InstallOptions } from "./packages.ts";

/** A folder that shows what is to be deployed. */
export interface WorkingTree {
  readonly folder: string;
  /** Gives it the packages that its build needs. Throws BUILD_FAILED or BUILD_TIMED_OUT. */
  providePackages(): Promise<void>;
  /** Takes away what was made for one deploy. */
  remove(): Promise<void>;
}

export interface TreeOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly emit: EventSink<DeployEvent>;
}

/** The author's own folder, as it is: packages are installed where none are, and else are the author's affair. */
export function authorsTree(folder: string, top: string, options: TreeOptions): WorkingTree {
  return {
    folder,
    providePackages: () => installing(options, (run) => installOnce({ top, folder }, run)),
    remove: async () => undefined,
  };
}

/** The commit in a tree of its own at `path`, which is in a deploy's folder of the staging, gone again after `remove`. `source`: the folder that is deployed, in the author's tree. */
export async function checkOut(
  repository: Repository,
  commit: string,
  source: string,
  path: string,
  options: TreeOptions,
): Promise<WorkingTree> {
  const top = await realpath(repository.top);
  const below = relative(top, await realpath(source));
  const tree = { repository, path, signal: options.signal };
  const remove = (): Promise<void> => removeWorktree(tree);
  await forgetLeft(repository, dirname(dirname(path)));
  try {
    await show(tree, commit, options);
    const folder = folderOf(path, below, commit);
    return {
      folder,
      providePackages: () =>
        installing(options, (run) =>
          providePackages({ top: path, folder }, { top, folder: join(top, below) }, run),
        ),
      remove,
    };
  } catch (error) {
    // Why it cannot be shown is what counts; the next deploy forgets what is left.
    await remove().catch(() => undefined);
    throw error;
  }
}

/**
 * The commit in a tree that all pushes share, so that packages and submodules stay between them; `below`: the folder in it
 * that is deployed. Nobody else may be at work in it.
 */
export async function pushedTree(
  repository: Repository,
  commit: string,
  path: string,
  options: TreeOptions,
): Promise<(below: string) => WorkingTree> {
  await show({ repository, path, signal: options.signal }, commit, options);
  return (below) => {
    const folder = folderOf(path, below, commit);
    return {
      folder,
      providePackages: () => installing(options, (run) => installWhenChanged({ top: path, folder }, run)),
      remove: async () => undefined,
    };
  };
}

function folderOf(path: string, below: string, commit: string): string {
  const folder = join(path, below);
  if (existsSync(folder)) return folder;
  throw new InplaceError("SOURCE_MISSING", `Commit ${commit.slice(0, 10)} has no folder ${below}.`);
}

async function show(
  tree: Parameters<typeof showCommit>[0],
  commit: string,
  { emit }: TreeOptions,
): Promise<void> {
  emit({ type: "checkout-started", commit });
  const heartbeat = startHeartbeat((elapsedMs) => emit({ type: "checkout-goes-on", elapsedMs }));
  try {
    await showCommit(tree, commit);
  } finally {
    heartbeat.stop();
  }
}

async function installing(
  { env, signal, emit }: TreeOptions,
  install: (run: InstallOptions) => Promise<void>,
): Promise<void> {
  const heartbeat = startHeartbeat((elapsedMs) => emit({ type: "packages-go-on", elapsedMs }));
  const onLine = (line: string): void => {
    heartbeat.heard();
    emit({ type: "build-output", line });
  };
  try {
    const onStart = (): void => emit({ type: "packages-started" });
    await install({ env, signal, limitMs: DEFAULT_BUILD_LIMIT_MS, onLine, onStart });
  } finally {
    heartbeat.stop();
  }
}
