import { realpathSync } from "node:fs";
import { installGitHook } from "../deploy/git-hook.ts";
import { InplaceError } from "../errors.ts";
import { packageFile } from "../package-files.ts";
import type { Outcome, VerbContext } from "./verb.ts";

const COMMAND = packageFile("bin/inplace.js");

export interface GitHookFlags {
  readonly branch?: string;
  readonly source?: string;
  readonly force?: boolean;
}

/** Makes the bare repository in cwd deploy what is pushed to it. */
export async function initGitHook(context: VerbContext, flags: GitHookFlags): Promise<Outcome> {
  const { root } = context.site({ mayBeNew: true });
  if (realpathSync(root) === realpathSync(context.cwd)) {
    throw new InplaceError("USAGE", "Name the site that a push deploys to.", {
      hint: "inplace-deploy init --git-hook --site-root <folder>",
    });
  }
  const hook = await installGitHook({
    repository: context.cwd,
    siteRoot: root,
    branch: flags.branch,
    source: flags.source,
    node: process.execPath,
    command: COMMAND,
    force: flags.force === true,
  });
  return {
    document: { hook, siteRoot: root, branch: flags.branch ?? null },
    text: `wrote ${hook}\npushes to ${flags.branch ?? "the branch that HEAD names"} go live in ${root}`,
  };
}
