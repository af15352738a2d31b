import { loadConfig } from "../config/load.ts";
import { prune } from "../deploy/prune.ts";
import { openDeployFolder } from "../site/deploy-folder.ts";
import { askSupervisor } from "../supervisor/ask.ts";
import { count } from "./count.ts";
import { duration } from "./duration.ts";
import { runningIn } from "./running.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

interface PruneFlags {
  readonly keep?: number;
  readonly dryRun?: boolean;
  readonly lockWait?: number;
}

export const definePrune: DefineVerb = (program, run) => {
  program
    .command("prune")
    .description("remove old artifacts; current, last good and running ones stay")
    .option("--keep <count>", "how many of the newest proven releases stay (default: keep, else 5)", count)
    .option("--dry-run", "only say what would be removed")
    .option("--lock-wait <duration>", "wait for a deploy to end: 60s, 5m (default: 0s)", duration)
    .action((flags: PruneFlags) => run((context) => runPrune(context, flags)));
};

async function runPrune(context: VerbContext, flags: PruneFlags): Promise<Outcome> {
  const layout = context.site();
  const dryRun = flags.dryRun === true;
  const supervisor = await askSupervisor(layout, { ask: "status" }, context.signal);
  const { removed, kept, locked } = await prune({
    // Nothing is made where nothing is to change.
    layout: dryRun ? layout : (await openDeployFolder(layout)).layout,
    running: supervisor === undefined ? [] : runningIn(supervisor),
    keep: flags.keep ?? (await loadConfig(layout.root)).keep,
    dryRun,
    waitMs: flags.lockWait ?? 0,
    signal: context.signal,
    emit: context.emit,
  });
  const held = locked.length > 0 ? `, ${locked.length} locked` : "";
  const list = removed.map((name) => `  ${name}\n`).join("");
  return {
    document: { removed, kept, locked, dryRun },
    text: dryRun
      ? `would remove ${removed.length}, keep ${kept.length}\n${list}`
      : `${removed.length} removed, ${kept.length} kept${held}`,
  };
}
