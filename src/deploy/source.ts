import { realpath } from "node:fs/promises";
import { dirname, relative, resolve, sep } from "node:path";
import { hasConfig } from "../config/load.ts";
import { InplaceError } from "../errors.ts";
import { isInside } from "../paths.ts";
import { isDeploymentId, validCommit, type BuildIdentity } from "../site/artifact-name.ts";
import { DEPLOY_FOLDER, OWN_FOLDER, POINTER_FILE, TARGET_FOLDER, type SiteLayout } from "../site/layout.ts";
import { hashChanges } from "./git/changes.ts";
import { PROVIDED_FILES } from "./site-files.ts";
import { openRepository, type Commit, type Repository } from "./git/repository.ts";

/** What is to be deployed: a folder, and the commit it shows. */
export interface Source {
  readonly folder: string;
  readonly repository: Repository | undefined;
  readonly commit: Commit | undefined;
  /** What the host calls this deployment, where that is no commit. */
  readonly deployment?: string | undefined;
  /** Six digits over the uncommitted changes; undefined for a clean tree. */
  readonly dirty: string | undefined;
  /** The commit is not what the folder shows: it has to be checked out elsewhere. */
  readonly needsCheckout: boolean;
}

/** DEPLOYMENT_SOURCE, else the nearest folder upwards with a configuration, else the repository's top, else cwd. */
export async function findSourceFolder(named: string | undefined, cwd: string): Promise<string> {
  if (named !== undefined) return realFolder(resolve(cwd, named));
  const top = (await openRepository(cwd))?.top;
  const start = await realFolder(cwd);
  if (top === undefined) return start;
  const end = await realFolder(top);
  for (let folder = start; folder !== end && dirname(folder) !== folder; folder = dirname(folder)) {
    if (await hasConfig(folder)) return folder;
  }
  return end;
}

/** Which commit is asked for; `none`: HEAD with whatever is uncommitted. */
export type Wanted =
  | { readonly by: "none" }
  /** Kudu has checked it out, so the folder should show it already. An id that is no commit names whatever the folder shows. */
  | { readonly by: "kudu"; readonly id: string }
  /** A push: the tree was made to show it. */
  | { readonly by: "push"; readonly id: string }
  /** --commit: that commit and nothing else. */
  | { readonly by: "flag"; readonly id: string };

/** Throws NOT_A_REPOSITORY, COMMIT_INVALID or COMMIT_UNKNOWN. */
export async function readSource(folder: string, wanted: Wanted, layout: SiteLayout): Promise<Source> {
  if (wanted.by === "kudu" && isDeploymentId(wanted.id)) {
    const shown = await readSource(folder, { by: "none" }, layout);
    return { ...shown, deployment: wanted.id };
  }
  const id = wanted.by === "none" ? undefined : validCommit(wanted.id);
  const repository = await openRepository(folder);
  if (repository === undefined) {
    if (wanted.by === "flag")
      throw new InplaceError("NOT_A_REPOSITORY", `${folder} is in no git repository.`);
    // Kudu's zip deployments have an id, but no repository to look it up in.
    const commit = id === undefined ? undefined : { id, subject: "", author: "" };
    return { folder, repository, commit, dirty: undefined, needsCheckout: false };
  }
  const head = await repository.head();
  const commit = id === undefined ? head : await repository.commit(id);
  const shown = { folder, repository, commit, dirty: undefined, needsCheckout: false };
  if (commit === undefined || wanted.by === "push") return shown;
  if (head?.id !== commit.id) return { ...shown, needsCheckout: true };
  const own = await ownPaths(repository, layout);
  const dirty = await hashChanges(repository.top, own);
  if (wanted.by !== "flag") return { ...shown, dirty };
  return { ...shown, needsCheckout: dirty !== undefined || (await hasIgnored(repository, own)) };
}

/** Whether there is anything that git ignores, packages apart: an earlier build's output, say. */
async function hasIgnored(repository: Repository, except: readonly string[]): Promise<boolean> {
  const paths = (await repository.ignored()).map((path) => path.replace(/\/$/, ""));
  return paths.some((path) => !/(^|\/)node_modules$/.test(path) && !except.includes(path));
}

/** What is known of an artifact's name before it is built. */
export type UnnamedIdentity = Omit<BuildIdentity, "extension">;

export function identityOf(source: Source, site: string, builtAt: Date): UnnamedIdentity {
  const { commit, deployment, dirty } = source;
  return { site, commit: commit?.id, deployment, dirty, builtAt };
}

/** What a deploy writes in a site that lies inside the repository, below `top` with "/"; tracked files are the author's. */
async function ownPaths(repository: Repository, layout: SiteLayout): Promise<string[]> {
  const root = await realpath(layout.root);
  if (!isInside(repository.top, root)) return [];
  const prefix = relative(repository.top, root).split(sep).join("/");
  const below = (name: string): string => (prefix === "" ? name : `${prefix}/${name}`);
  const provided = PROVIDED_FILES.map(below);
  const tracked = (await repository.git("--literal-pathspecs", "ls-files", "-z", "--", ...provided)).split(
    "\0",
  );
  return [
    ...[TARGET_FOLDER, POINTER_FILE, OWN_FOLDER, DEPLOY_FOLDER].map(below),
    ...provided.filter((path) => !tracked.includes(path)),
  ];
}

async function realFolder(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw new InplaceError("SOURCE_MISSING", `The source ${path} is not a folder.`, { cause: error });
  }
}
