import { text } from "node:stream/consumers";
import { receivePush } from "../deploy/receive.ts";
import { pruneAfterDeploy } from "./automatic-prune.ts";
import { neverSilent } from "./never-silent.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

interface ReceiveFlags {
  readonly branch?: string;
  readonly source?: string;
}

/** What the post-receive hook calls; people have no use for it. */
export const defineReceive: DefineVerb = (program, run) => {
  program
    .command("receive", { hidden: true })
    .description("deploy what was pushed; called by the git hook")
    .option("--branch <name>", "the branch that goes live")
    .option("--source <folder>", "the folder in the repository that is the site's")
    .action((flags: ReceiveFlags) =>
      run((context) => neverSilent(context, (own) => runReceive(own, flags)), { unreadMs: UNREAD_MS }),
    );
};

/** git keeps a hook's output open, and reads it no more, where whoever pushed has gone. */
const UNREAD_MS = 5_000;

async function runReceive(context: VerbContext, { branch, source }: ReceiveFlags): Promise<Outcome> {
  const layout = context.site({ mayBeNew: true });
  const done = await receivePush({
    layout,
    repository: context.cwd,
    branch,
    source,
    updates: await text(process.stdin),
    env: context.env,
    signingKey: context.signingKey,
    signal: context.signal,
    emit: context.emit,
  });
  if (done === undefined) return { document: { deployed: null } };
  await pruneAfterDeploy(layout, context);
  return {
    document: { deployed: done },
    text: `deployed ${done.artifact} in ${(done.ms / 1000).toFixed(1)} s`,
  };
}
