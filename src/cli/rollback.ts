import { rollback } from "../deploy/rollback.ts";
import { duration } from "./duration.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

interface RollbackFlags {
  readonly force?: boolean;
  readonly lockWait?: number;
}

export const defineRollback: DefineVerb = (program, run) => {
  program
    .command("rollback [artifact]")
    .description("make an earlier artifact current again, without a build (default: the one before)")
    .option("--force", "also one that is marked failed")
    .option("--lock-wait <duration>", "wait for a deploy to end: 60s, 5m (default: 0s)", duration)
    .action((artifact: string | undefined, flags: RollbackFlags) =>
      run((context) => runRollback(context, artifact, flags)),
    );
};

export const definePromote: DefineVerb = (program, run) => {
  program
    .command("promote <artifact>")
    .description("make an artifact of _target current, without a build")
    .option("--force", "also one that is marked failed")
    .option("--lock-wait <duration>", "wait for a deploy to end: 60s, 5m (default: 0s)", duration)
    .action((artifact: string, flags: RollbackFlags) =>
      run((context) => runRollback(context, artifact, flags, "published")),
    );
};

async function runRollback(
  context: VerbContext,
  artifact: string | undefined,
  flags: RollbackFlags,
  event: "published" | "rolled-back" = "rolled-back",
): Promise<Outcome> {
  const done = await rollback({
    layout: context.site(),
    artifact,
    force: flags.force === true,
    event,
    waitMs: flags.lockWait ?? 0,
    signal: context.signal,
    emit: context.emit,
  });
  const same = done.previous === done.artifact;
  return {
    document: { artifact: done.artifact, previous: done.previous ?? null },
    text: same
      ? `${done.artifact} is current already`
      : `${event === "published" ? "promoted" : "rolled back to"} ${done.artifact}`,
  };
}
