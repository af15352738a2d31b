import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { hasConfig, loadConfig } from "../config/load.ts";
import { InplaceError } from "../errors.ts";
import type { DeployEvent, EventSink, SiteEvent } from "../events.ts";
import { siteLayout, type SiteLayout } from "../site/layout.ts";
import { acquireLock } from "../site/lock.ts";
import { deploy, type Deployment } from "./deploy.ts";
import { readEnvironment } from "./environment.ts";
import { shortBranch } from "./git-hook.ts";
import { withoutRepository } from "./git/git.ts";
import { openBareRepository, repositoryName, type Repository } from "./git/repository.ts";
import { pushedTree } from "./working-tree.ts";
import { workspaceMembers } from "./workspace.ts";

/** How long a push waits for the deploy of an earlier one. */
const PUSH_WAIT_MS = 10 * 60_000;
const DELETED = /^0+$/;

export interface ReceiveOptions {
  readonly layout: SiteLayout;
  /** A folder in the bare repository. */
  readonly repository: string;
  /** Default: branch of the site's configuration, else what HEAD of the repository names. */
  readonly branch: string | undefined;
  /** The folder in the repository that is the site's; default: its top, or the one member of a workspace with a configuration. */
  readonly source: string | undefined;
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
  const { layout, signal, emit } = options;
  const repository = await openBareRepository(options.repository);
  const named = options.branch ?? (await loadConfig(layout.root)).branch;
  const branch = named === undefined ? await headBranch(repository) : shortBranch(named);
  const commit = pushedCommit(options.updates, branch);
  if (commit === undefined) {
    emit({ type: "push-ignored", branch });
    return undefined;
  }
  // A hook's GIT_DIR would lead the git of a build astray.
  const env = withoutRepository(options.env);
  const own = join(repository.top, "inplace");
  await mkdir(own, { recursive: true });
  // The working tree is shared by all pushes; of those that wait, the newest goes on.
  const lock = await acquireLock(siteLayout(own), { waitMs: PUSH_WAIT_MS, signal });
  try {
    const path = join(own, repositoryName(repository.top));
    const treeOf = await pushedTree(repository, commit, path, { env, signal, emit });
    const tree = treeOf(options.source ?? (await siteFolder(path)));
    const deployed = deploy({
      layout,
      source: tree.folder,
      wanted: { by: "push", id: commit },
      tree,
      environment: { ...readEnvironment(env), source: undefined, target: undefined, commit: undefined },
      env,
      rebuild: false,
      waitMs: PUSH_WAIT_MS,
      signingKey: options.signingKey,
      signal,
      emit,
    });
    return await deployed.catch(async (error: unknown) => {
      throw await forPusher(error, path);
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

async function headBranch({ git }: Repository): Promise<string> {
  return (await git("symbolic-ref", "--short", "HEAD")).trim();
}

/** Relative to the top. Throws BUILD_NOT_CONFIGURED where several members of a workspace could be meant. */
async function siteFolder(top: string): Promise<string> {
  if (await hasConfig(top)) return "";
  const members: string[] = [];
  for (const member of await workspaceMembers(top))
    if (await hasConfig(join(top, member))) members.push(member);
  if (members.length <= 1) return members[0] ?? "";
  throw new InplaceError(
    "BUILD_NOT_CONFIGURED",
    `Several members of the workspace have a configuration: ${members.join(", ")}.`,
    {
      hint: `Say which is this site's: inplace-deploy init --git-hook --source ${members[0]}, in the bare repository.`,
    },
  );
}

/** Whoever pushes has no command at hand that could be run in another folder. */
async function forPusher(error: unknown, top: string): Promise<unknown> {
  if (!(error instanceof InplaceError) || error.code !== "BUILD_NOT_CONFIGURED") return error;
  const members = await workspaceMembers(top);
  const where =
    members.length === 0 ? "" : ` in the member of the workspace that is the site (${members.join(", ")})`;
  return new InplaceError(error.code, error.message, {
    hint: `Run npx inplace-deploy init${where}, commit what it writes, and push again.`,
    cause: error,
  });
}
