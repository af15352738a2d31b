import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { InplaceError } from "../errors.ts";
import { gitIn } from "./repository.ts";
import { readOptional } from "../site/present.ts";

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
  /** Replace a hook that is not ours; it is kept as post-receive.before-inplace. */
  readonly force: boolean;
}

/** Installs the post-receive hook and gives its path. Throws NOT_A_BARE_REPOSITORY or HOOK_EXISTS. */
export async function installGitHook(options: GitHookOptions): Promise<string> {
  const folder = await bareRepository(options.repository);
  const hooks = resolve(folder, (await gitIn(folder)("rev-parse", "--git-path", "hooks")).trimEnd());
  const path = join(hooks, "post-receive");
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

/** The repository's own folder, absolute. Throws NOT_A_BARE_REPOSITORY. */
export async function bareRepository(folder: string): Promise<string> {
  try {
    const git = gitIn(folder);
    if ((await git("rev-parse", "--is-bare-repository")).trim() === "true") {
      return resolve((await git("rev-parse", "--absolute-git-dir")).trimEnd());
    }
  } catch (error) {
    throw new InplaceError("NOT_A_BARE_REPOSITORY", `${folder} is no git repository.`, { cause: error });
  }
  throw new InplaceError("NOT_A_BARE_REPOSITORY", `${folder} is a repository with a working tree.`);
}

/** What the repository is called: its folder's name without ".git". */
export function repositoryName(folder: string): string {
  return basename(folder).replace(/\.git$/, "") || basename(dirname(folder));
}

// Git for Windows runs hooks by its own sh, which takes forward slashes.
function hookScript({ siteRoot, branch, node, command }: GitHookOptions): string {
  const words = ["receive", "--site-root", siteRoot, ...(branch === undefined ? [] : ["--branch", branch])];
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
