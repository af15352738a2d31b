import { unlock } from "../site/lock.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

export const defineUnlock: DefineVerb = (program, run) => {
  program
    .command("unlock")
    .description("remove the deploy lock that a dead deploy left")
    .option("--force", "also that of a deploy that lives; it then publishes nothing")
    .action((flags: { readonly force?: boolean }) =>
      run((context) => runUnlock(context, flags.force === true)),
    );
};

async function runUnlock(context: VerbContext, force: boolean): Promise<Outcome> {
  const removed = await unlock(context.site(), force);
  if (removed === undefined) return { document: { removed: null }, text: "the site is not locked" };
  const { owner, pid, host, since } = removed;
  return {
    document: { removed: { owner, pid, host, since } },
    text: `removed the lock of ${owner}, pid ${pid} on ${host}, since ${since}`,
  };
}
