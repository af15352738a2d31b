import { DEFAULT_WAIT_MS } from "../deploy/wait.ts";
import { findArtifact } from "../site/find-artifact.ts";
import { duration } from "./duration.ts";
import { neverSilent } from "./never-silent.ts";
import { describeLive, untilLive } from "./until-live.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

export const defineWait: DefineVerb = (program, run) => {
  program
    .command("wait [artifact]")
    .description("wait until an artifact has proved healthy (default: the one released last)")
    .option("--timeout <duration>", `60s, 5m (default: ${DEFAULT_WAIT_MS / 1000}s)`, duration)
    .action((artifact: string | undefined, flags: { readonly timeout?: number }) =>
      run((context) =>
        neverSilent(context, (own) => runWait(own, artifact, flags.timeout ?? DEFAULT_WAIT_MS)),
      ),
    );
};

async function runWait(
  context: VerbContext,
  artifact: string | undefined,
  timeoutMs: number,
): Promise<Outcome> {
  const layout = context.site();
  const wanted = artifact === undefined ? undefined : await findArtifact(layout, artifact);
  const live = await untilLive(layout, wanted, timeoutMs, context.signal);
  return { document: { ...live }, text: describeLive(live) };
}
