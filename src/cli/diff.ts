import { diffArtifacts } from "../deploy/diff.ts";
import { commitsBetween } from "../deploy/git/repository.ts";
import { currentArtifact } from "../deploy/publish.ts";
import { releaseBefore } from "../deploy/rollback.ts";
import { InplaceError } from "../errors.ts";
import { printable } from "../printable.ts";
import { findArtifact } from "../site/find-artifact.ts";
import type { SiteLayout } from "../site/layout.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

export const defineDiff: DefineVerb = (program, run) => {
  program
    .command("diff [from] [to]")
    .description("commits and files between two artifacts (default: from the one before to the current one)")
    .action((from: string | undefined, to: string | undefined) =>
      run((context) => runDiff(context, from, to)),
    );
};

async function runDiff(context: VerbContext, from?: string, to?: string): Promise<Outcome> {
  const layout = context.site();
  const after = await chosen(layout, to, currentArtifact);
  const before = await chosen(layout, from, releaseBefore);
  const diff = await diffArtifacts(layout, before, after);
  const commits = await commitsOf(context.cwd, diff.fromCommit, diff.toCommit);
  const lines = [
    ...commits.map((commit) => `  ${commit}`),
    ...diff.added.map((path) => `+ ${path}`),
    ...diff.removed.map((path) => `- ${path}`),
    ...diff.changed.map((path) => `~ ${path}`),
    `${diff.grown >= 0 ? "+" : ""}${diff.grown} bytes`,
  ];
  const { fromCommit = null, toCommit = null } = diff;
  return { document: { ...diff, fromCommit, toCommit, commits }, text: lines.map(printable).join("\n") };
}

/** The artifact that is named, else the default. Throws ARTIFACT_MISSING where there is no such release yet. */
async function chosen(
  layout: SiteLayout,
  named: string | undefined,
  otherwise: (layout: SiteLayout) => Promise<string | undefined>,
): Promise<string> {
  const artifact = named === undefined ? await otherwise(layout) : await findArtifact(layout, named);
  if (artifact !== undefined) return artifact;
  throw new InplaceError("ARTIFACT_MISSING", "There are no two releases yet to compare.");
}

/** "hash subject", newest first; none where the working folder is no repository that knows both. */
async function commitsOf(cwd: string, from?: string, to?: string): Promise<readonly string[]> {
  if (from === undefined || to === undefined) return [];
  return commitsBetween(cwd, from, to).catch(() => []);
}
