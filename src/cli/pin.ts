import { InplaceError } from "../errors.ts";
import { listPinned, pin, unpin } from "../site/pins.ts";
import { findArtifact } from "../site/find-artifact.ts";
import { artifactsIn } from "../site/releases.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

export const definePin: DefineVerb = (program, run) => {
  program
    .command("pin [artifact]")
    .description("keep an artifact from being pruned (default: only list those that are)")
    .action((artifact: string | undefined) =>
      run((context) => (artifact === undefined ? listPins(context) : runPin(context, artifact))),
    );
  program
    .command("unpin <artifact>")
    .description("let an artifact be pruned again")
    .action((artifact: string) => run((context) => runUnpin(context, artifact)));
};

async function listPins(context: VerbContext): Promise<Outcome> {
  const pinned = [...(await listPinned(context.site()))].toSorted();
  return { document: { pinned }, text: pinned.length === 0 ? "nothing is pinned" : pinned.join("\n") };
}

async function runPin(context: VerbContext, named: string): Promise<Outcome> {
  const layout = context.site();
  const artifact = await findArtifact(layout, named);
  if (!(await artifactsIn(layout)).includes(artifact)) {
    throw new InplaceError("ARTIFACT_MISSING", `There is no ${artifact} in ${layout.target}.`);
  }
  await pin(layout, artifact);
  return { document: { pinned: [...(await listPinned(layout))] }, text: `pinned ${artifact}` };
}

async function runUnpin(context: VerbContext, named: string): Promise<Outcome> {
  const layout = context.site();
  const artifact = await findArtifact(layout, named, await listPinned(layout));
  await unpin(layout, artifact);
  return { document: { pinned: [...(await listPinned(layout))] }, text: `${artifact} is not pinned` };
}
