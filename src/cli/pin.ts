import { InplaceError } from "../errors.ts";
import { listPinned, pin, unpin } from "../site/pins.ts";
import { artifactsIn } from "../site/releases.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

export const definePin: DefineVerb = (program, run) => {
  program
    .command("pin <artifact>")
    .description("keep an artifact from being pruned")
    .action((artifact: string) => run((context) => runPin(context, artifact)));
  program
    .command("unpin <artifact>")
    .description("let an artifact be pruned again")
    .action((artifact: string) => run((context) => runUnpin(context, artifact)));
};

async function runPin(context: VerbContext, artifact: string): Promise<Outcome> {
  const layout = context.site();
  if (!(await artifactsIn(layout)).includes(artifact)) {
    throw new InplaceError("ARTIFACT_MISSING", `There is no ${artifact} in ${layout.target}.`);
  }
  await pin(layout, artifact);
  return { document: { pinned: [...(await listPinned(layout))] }, text: `pinned ${artifact}` };
}

async function runUnpin(context: VerbContext, artifact: string): Promise<Outcome> {
  const layout = context.site();
  await unpin(layout, artifact);
  return { document: { pinned: [...(await listPinned(layout))] }, text: `${artifact} is not pinned` };
}
