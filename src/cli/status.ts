import { isArtifactName } from "../site/artifact-name.ts";
import { listFailed, readLastGood, recordFailures } from "../site/health-marks.ts";
import { readHandler, type HandlerState } from "../site/handler-record.ts";
import type { SiteLayout } from "../site/layout.ts";
import { lockOwner } from "../site/lock.ts";
import { readManifest } from "../site/manifest.ts";
import { swapCost } from "../log/supervisor-words.ts";
import { readPointer, whereabouts, type PointerState } from "../site/pointer.ts";
import { readRecord } from "../site/records.ts";
import { askSupervisor } from "../supervisor/ask.ts";
import type { SupervisorStatus } from "../supervisor/requests.ts";
import { addressOf } from "../process/listen-error.ts";
import { localTime } from "./local-time.ts";
import { table } from "./table.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";
import { EXIT, InplaceError } from "../errors.ts";

export const defineStatus: DefineVerb = (program, run) => {
  program
    .command("status")
    .description("what is current, what runs, what failed")
    .action(() => run(runStatus));
};

async function runStatus(context: VerbContext): Promise<Outcome> {
  const layout = context.site();
  await recordFailures(layout);
  const pointer = await readPointer(layout);
  const current = pointer.state === "names" ? pointer.artifact : undefined;
  const manifest = current === undefined ? undefined : await readManifest(layout, current);
  const lastGood = await readLastGood(layout);
  const started = await readStarted(layout);
  const failed = (await listFailed(layout)).map(({ artifact, reason, at }) => ({
    artifact,
    reason,
    at: at.toISOString(),
  }));
  const lock = await lockOwner(layout);
  const supervisor = await askSupervisor(layout, { ask: "status" }, context.signal).catch(
    (error: unknown) => {
      if (!(error instanceof InplaceError) || context.signal.aborted) throw error;
      context.emit({ type: "supervisor-unasked", code: error.code, message: error.message });
      return undefined;
    },
  );
  const handler = await readHandler(layout);
  const failure = failed.find(({ artifact }) => artifact === current);
  const rows = [
    ["site", layout.root],
    ["pointer", describePointer(pointer)],
    [
      "commit",
      manifest?.commit === undefined ? "-" : `${manifest.commit.slice(0, 10)} ${manifest.subject ?? ""}`,
    ],
    ["last good", lastGood ?? "-"],
    ...(handler === undefined ? [] : handlerRows(handler, supervisor !== undefined)),
    // A launcher that starts a supervisor does not choose the artifact.
    ...(supervisor === undefined ? [["started", started ?? "-"]] : supervisorRows(supervisor)),
    ...failed.map(({ artifact, reason, at }) => ["failed", `${artifact}: ${reason} (${localTime(at)})`]),
    ...(lock === undefined
      ? []
      : [["deploying", `${lock.owner}, pid ${lock.pid} on ${lock.host} since ${localTime(lock.since)}`]]),
  ];
  const error =
    pointer.state === "invalid" ? { code: pointer.error.code, message: pointer.error.message } : undefined;
  return {
    exit:
      pointer.state === "invalid" || pointer.state === "dangling"
        ? EXIT.artifactInvalid
        : failure
          ? EXIT.unhealthy
          : EXIT.done,
    document: {
      siteRoot: layout.root,
      pointer: {
        state: pointer.state,
        ...(pointer.state === "names" || pointer.state === "dangling" ? { artifact: pointer.artifact } : {}),
        ...(error && { error }),
      },
      current: current ?? null,
      commit: manifest?.commit ?? null,
      lastGood: lastGood ?? null,
      started: started ?? null,
      failed,
      deploying: lock ?? null,
      handler: handler ?? null,
      supervisor: supervisor ?? null,
    },
    text: table(rows),
  };
}

function handlerRows({ urls, pid, processes }: HandlerState, supervised: boolean): string[][] {
  const serving = processes.map((one) => `${one.artifact ?? "process"} (pid ${one.pid})`).join(", ");
  return [
    ["handler", `serves ${urls.join(" and ")}, pid ${pid}`],
    ...(supervised ? [] : [["serving", serving || "-"]]),
  ];
}

function supervisorRows({ state, address, port, pid, workers, swap }: SupervisorStatus): string[][] {
  const processes = workers.map(({ artifact, pid: worker }) => `${artifact} (pid ${worker})`).join(", ");
  return [
    ["supervisor", `${stateWords(state)}, ${addressOf(address, port)}, pid ${pid}`],
    ["serving", processes || "-"],
    ...(swap === undefined ? [] : [["last swap", `${swap.artifact}: ${swapCost(swap)}`]]),
  ];
}

function stateWords(state: SupervisorStatus["state"]): string {
  // While the old release drains, the new one serves: nobody is to take it for the end.
  if (state.state === "draining") return "serving, the release before it drains";
  if (state.state !== "fallen-back") return state.state;
  return state.artifact === undefined ? "nothing runs, the release failed" : "serving, fallen back";
}

function describePointer(pointer: PointerState): string {
  switch (pointer.state) {
    case "missing":
      return "none: nothing was deployed yet";
    case "names":
      return pointer.artifact;
    case "dangling":
      return `${pointer.artifact}, ${whereabouts(pointer)}`;
    case "invalid":
      return `refused: ${pointer.error.message}`;
    default:
      return pointer satisfies never;
  }
}

async function readStarted(layout: SiteLayout): Promise<string | undefined> {
  const name = (await readRecord(layout.started)) ?? "";
  return isArtifactName(name.trim()) ? name.trim() : undefined;
}
