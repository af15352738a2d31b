import { InplaceError } from "../errors.ts";
import { askSupervisor } from "../supervisor/ask.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

export const defineReload: DefineVerb = (program, run) => {
  program
    .command("reload")
    .description(
      "fresh processes of the current release, without a lost request (needs a supervisor: inplace-deploy supervise, or a launcher's)",
    )
    .action(() => run(runReload));
};

async function runReload(context: VerbContext): Promise<Outcome> {
  const layout = context.site();
  const answer = await askSupervisor(layout, { ask: "reload" }, context.signal);
  if (answer === undefined) {
    throw new InplaceError("NOT_SUPERVISED", `No supervisor of ${layout.root} runs.`);
  }
  return { document: { ...answer }, text: `reloading ${answer.reloading}` };
}
