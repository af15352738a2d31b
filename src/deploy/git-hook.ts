import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { loadConfig } from "../config/load.ts";
import { InplaceError } from "../errors.ts";
import { readOptional } from "../site/present.ts";
import { openBareRepository, type Repository } from "./git/repository.ts";

/** By this line a hook of ours is known. */
const MARK = "# post-receive hook of inplace-deploy: a push to the branch goes live";

export interface GitHookOptions {
  /** A folder in the bare repository. */
  readonly repository: string;
  readonly siteRoot: string;
  /** Default: whatever HEAD of the repository names when something is pushed. */
  readonly branch: string | undefined;
  /** The Node and the command that the hook calls, absolute. */
  readonly node: string;
  readonly command: string;
  /** The folder in the repository that is the site's, where it is not to be found by its configuration. */
  readonly source: string | undefined;
  /** Replace a hook that is not ours; it is kept as post-receive.before-inplace. */
  readonly force: boolean;
}

/** Installs the post-receive hook and gives its path. Throws NOT_A_BARE_REPOSITORY, NOT_A_REPOSITORY, HOOK_EXISTS or USAGE. */
export async function installGitHook(options: GitHookOptions): Promise<string> {
  const repository = await openBareRepository(options.repository);
  const branch = options.branch ?? (await loadConfig(options.siteRoot)).branch;
  if (branch !== undefined) await assertBranchName(repository, branch);
  const path = join(await hooksFolder(repository), "post-receive");
  const found = await readOptional(path);
  if (found !== undefined && !found.includes(MARK)) {
    if (!options.force) throw new InplaceError("HOOK_EXISTS", `${path} is a hook of somebody else's.`);
    await rename(path, `${path}.before-inplace`);
  }
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, hookScript(options), { mode: 0o755 });
  await chmod(`${path}.new`, 0o755);
  await rename(`${path}.new`, path);
  return path;
}

/** "main", also where it was given as refs/heads/main. */
export function shortBranch(branch: string): string {
  return branch.replace(/^refs\/heads\//, "");
}

async function assertBranchName({ git }: Repository, branch: string): Promise<void> {
  try {
    await git("check-ref-format", "--branch", shortBranch(branch));
  } catch (cause) {
    throw new InplaceError("USAGE", `No branch can be called ${JSON.stringify(branch)}.`, {
      hint: "Name the branch that is pushed, as git branch lists it.",
      cause,
    });
  }
}

/**
 * Where git looks for the hooks of this repository. A folder that somebody's own settings, or the system's, name for all
 * repositories is not it: a hook there would run for each of them. So this one is told to use its own.
 */
async function hooksFolder({ git, top }: Repository): Promise<string> {
  const setIn = async (scope: string): Promise<string> =>
    (await git("config", scope, "--type=path", "--get", "core.hooksPath").catch(() => "")).trimEnd();
  const own = await setIn("--local");
  if (own !== "") return resolve(top, own);
  if ((await setIn("--global")) !== "" || (await setIn("--system")) !== "")
    await git("config", "--local", "core.hooksPath", "hooks");
  return join(top, "hooks");
}

// Git for Windows runs hooks by its own sh, which takes forward slashes.
function hookScript({ siteRoot, branch, source, node, command }: GitHookOptions): string {
  const words = ["receive", "--site-root", siteRoot];
  if (branch !== undefined) words.push("--branch", shortBranch(branch));
  if (source !== undefined) words.push("--source", source);
  return `#!/bin/sh
${MARK}
node=${shellWord(node)}
[ -x "$node" ] || node=node
exec "$node" ${[command, ...words].map(shellWord).join(" ")}
`;
}

function shellWord(text: string): string {
  const word = process.platform === "win32" ? text.replaceAll("\\", "/") : text;
  return `'${word.replaceAll("'", "'\\''")}'`;
}
