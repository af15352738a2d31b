import { recordFailures } from "../site/health-marks.ts";
import { readHistory, type HistoryRecord } from "../site/history.ts";
import { readReleases, type Release } from "../site/releases.ts";
import { count } from "./count.ts";
import { localTime } from "./local-time.ts";
import { table } from "./table.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

const DEFAULT_LIMIT = 20;

export const defineHistory: DefineVerb = (program, run) => {
  program
    .command("history")
    .description("what happened to the site, the newest first")
    .option("--limit <count>", `how many lines (default: ${DEFAULT_LIMIT})`, count)
    .action((flags: { readonly limit?: number }) =>
      run((context) => runHistory(context, flags.limit ?? DEFAULT_LIMIT)),
    );
};

async function runHistory(context: VerbContext, limit: number): Promise<Outcome> {
  const layout = context.site();
  await recordFailures(layout);
  const { records, damagedLines } = await readHistory(layout);
  const releases = new Map((await readReleases(layout)).map((release) => [release.artifact, release]));
  const shown = records.slice(-limit).reverse();
  const damaged = damagedLines === 0 ? "" : `\n${damagedLines} damaged lines left out`;
  return {
    document: {
      history: shown.map((record) => ({ ...record, state: stateOf(releases.get(record.artifact)) })),
      damagedLines,
    },
    text:
      shown.length === 0
        ? "nothing happened yet"
        : table(shown.map((record) => row(record, releases))) + damaged,
  };
}

function row(record: HistoryRecord, releases: ReadonlyMap<string, Release>): string[] {
  const { at, event, artifact, by, reason, subject } = record;
  return [localTime(at), event, artifact, stateOf(releases.get(artifact)), by, reason ?? subject ?? ""];
}

/** What the artifact is now. */
function stateOf(release: Release | undefined): string {
  if (release === undefined) return "removed";
  if (release.current) return release.failed === undefined ? "current" : "current, failed";
  if (release.failed !== undefined) return "failed";
  return release.lastGood ? "last good" : release.proven ? "proven" : "unproven";
}
