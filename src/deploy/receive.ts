import { existsSync, statSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_BUILD_LIMIT_MS } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import type { DeployEvent, EventSink, SiteEvent } from "../events.ts";
import { siteLayout, type SiteLayout } from "../site/layout.ts";
import { acquireLock } from "../site/lock.ts";
import { installPackages, packageManagerOf } from "./package-manager.ts";
import { deploy, type Deployment } from "./deploy.ts";
import { readEnvironment } from "./environment.ts";
import { bareRepository, repositoryName } from "./git-hook.ts";
import { gitIn } from "./repository.ts";

/** How long a push waits for the deploy of an earlier one. */
const PUSH_WAIT_MS = 10 * 60_000;
const DELETED = /^0+$/;

export interface ReceiveOptions {
  readonly layout: SiteLayout;
  /** A folder in the bare repository. */
  readonly repository: string;
  /** Default: branch of the site's configuration, else what HEAD of the repository names. */
  readonly branch: string | undefined;
  /** What git tells the hook: lines of old id, new id and reference. */
  readonly updates: string;
  readonly env: NodeJS.ProcessEnv;
  /** File of the private key that the release is to be signed with. */
  readonly signingKey: string | undefined;
  readonly signal: AbortSignal;
  readonly emit: EventSink<DeployEvent | SiteEvent>;
}

/** Deploys what was pushed to the branch; undefined where the push was about something else. */
export async function receivePush(options: ReceiveOptions): Promise<Deployment | undefined> {
  const { layout, emit } = options;
  const folder = await bareRepository(options.repository);
  const branch = options.branch ?? (await loadConfig(layout.root)).branch ?? (await headBranch(folder));
  const commit = pushedCommit(options.updates, branch);
  if (commit === undefined) {
    emit({ type: "push-ignored", branch });
    return undefined;
  }
  // A hook's GIT_DIR would lead the git of a build astray.
  const env = Object.fromEntries(Object.entries(options.env).filter(([name]) => !name.startsWith("GIT_")));
  const own = join(folder, "inplace");
  await mkdir(own, { recursive: true });
  // The working tree is shared by all pushes; of those that wait, the newest goes on.
  const lock = await acquireLock(siteLayout(own), { waitMs: PUSH_WAIT_MS, signal: options.signal });
  try {
    const source = join(own, repositoryName(folder));
    await showCommit(folder, source, commit);
    await providePackages({ ...options, env }, source);
    return await deploy({
      layout,
      source,
      wanted: { by: "none" },
      environment: { ...readEnvironment(env), source: undefined, target: undefined, commit: undefined },
      env,
      rebuild: false,
      waitMs: PUSH_WAIT_MS,
      signingKey: options.signingKey,
      signal: options.signal,
      emit,
    });
  } finally {
    await lock.release();
  }
}

function pushedCommit(updates: string, branch: string): string | undefined {
  for (const line of updates.split("\n")) {
    const [, id = "", reference] = line.trim().split(" ");
    if (reference === `refs/heads/${branch}` && /^[0-9a-f]{40,64}$/.test(id) && !DELETED.test(id)) return id;
  }
  return undefined;
}

async function headBranch(folder: string): Promise<string> {
  return (await gitIn(folder)("symbolic-ref", "--short", "HEAD")).trim();
}

/** One working tree for all pushes, so that packages stay installed between them. */
async function showCommit(repository: string, path: string, commit: string): Promise<void> {
  const git = gitIn(repository);
  await git("worktree", "prune");
  if (!existsSync(join(path, ".git"))) {
    await rm(path, { recursive: true, force: true });
    await git("worktree", "add", "--detach", "--force", path, commit);
  }
  const tree = gitIn(path);
  await tree("checkout", "--quiet", "--detach", "--force", commit);
  await tree("clean", "--quiet", "-ffdx", "--exclude=node_modules");
  if (existsSync(join(path, ".gitmodules"))) await tree("submodule", "update", "--init", "--recursive");
}

/** Beside the packages, as deploy.sh has it: as old as they are. */
const INSTALLED = join("node_modules", ".inplace-installed");

async function providePackages({ env, signal, emit }: ReceiveOptions, folder: string): Promise<void> {
  const { lock } = packageManagerOf(folder);
  if (lock === undefined) return;
  const installed = statSync(join(folder, INSTALLED), { throwIfNoEntry: false });
  if (installed !== undefined && installed.mtimeMs >= statSync(join(folder, lock)).mtimeMs) return;
  emit({ type: "packages-started" });
  const onLine = (line: string): void => emit({ type: "build-output", line });
  await installPackages(folder, { env, signal, limitMs: DEFAULT_BUILD_LIMIT_MS, onLine });
  await mkdir(join(folder, "node_modules"), { recursive: true });
  await writeFile(join(folder, INSTALLED), "");
}
