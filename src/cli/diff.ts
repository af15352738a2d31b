import { diffArtifacts } from "../deploy/diff.ts";
import { gitIn } from "../deploy/repository.ts";
import { validCommit } from "../site/artifact-name.ts";
import { printable } from "../printable.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

export const defineDiff: DefineVerb = (program, run) => {
  program
    .command("diff <from> <to>")
    .description("commits and files between two artifacts")
    .action((from: string, to: string) => run((context) => runDiff(context, from, to)));
};

async function runDiff(context: VerbContext, from: string, to: string): Promise<Outcome> {
  const diff = await diffArtifacts(context.site(), from, to);
  const commits = await commitsBetween(context.cwd, diff.fromCommit, diff.toCommit);
  const lines = [
    ...commits.map((commit) => `  ${commit}`),
    ...diff.added.map((path) => `+ ${path || to}`),
    ...diff.removed.map((path) => `- ${path || from}`),
    ...diff.changed.map((path) => `~ ${path || to}`),
    `${diff.grown >= 0 ? "+" : ""}${diff.grown} bytes`,
  ];
  const { fromCommit = null, toCommit = null } = diff;
  return { document: { ...diff, fromCommit, toCommit, commits }, text: lines.map(printable).join("\n") };
}

/** "hash subject", newest first; none where the working folder is no repository that knows both. */
async function commitsBetween(cwd: string, from?: string, to?: string): Promise<readonly string[]> {
  if (from === undefined || to === undefined) return [];
  try {
    const range = `${validCommit(from)}..${validCommit(to)}`;
    const log = await gitIn(cwd)("log", "--format=%h %s", "--end-of-options", range);
    return log.split("\n").filter((line) => line !== "");
  } catch {
    return [];
  }
}
