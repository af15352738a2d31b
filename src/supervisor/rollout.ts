import { asInplaceError, stackOf } from "../errors.ts";
import { toldLines } from "../process/output-tail.ts";
import { EXIT_TEMPORARY } from "../process/worker-messages.ts";
import type { Crew } from "./crew.ts";
import type { NormalSuperviseOptions } from "./options.ts";
import { prove, type Failure } from "./proof.ts";
import { isSiteFault } from "./site-fault.ts";
import type { SwapRecorder } from "./swap-report.ts";
import type { Drained, Worker } from "./worker.ts";

/** How often another program may take the port that was chosen for a worker. */
const MOST_TAKEN_PORTS = 5;

export type RolloutStep = "starting" | "proving" | "switching";

export interface FailedWorker {
  readonly failure: Failure;
  readonly output: readonly string[];
  /** Another release would have failed as well. */
  readonly siteFault?: boolean;
}

export type RolloutResult =
  | { readonly result: "switched"; readonly drains: readonly Promise<Drained | undefined>[] }
  | ({ readonly result: "failed" } & FailedWorker)
  | { readonly result: "superseded" };

export interface Rollout {
  readonly crew: Crew;
  readonly options: NormalSuperviseOptions;
  readonly recorder: SwapRecorder;
  /** Whatever it throws is a failed start. */
  readonly launch: () => Promise<Worker>;
  readonly onStep: (step: RolloutStep) => void;
  readonly onSwitched: (worker: Worker) => void;
  /** Something newer is wanted. Heeded until the first worker has been switched. */
  readonly superseded: AbortSignal;
  /** A worker of this rollout that already serves has failed; its reason is a TrialFailed. */
  readonly trial: AbortSignal;
  readonly stopped: AbortSignal;
}

/** Why a rollout ends although the worker in hand is sound. */
export class TrialFailed extends Error {
  readonly failed: FailedWorker;

  constructor(failed: FailedWorker) {
    super("A worker of the release failed on probation.");
    this.failed = failed;
  }
}

/**
 * Replaces the workers one by one: start, prove, switch. What fails or is superseded is ended with its tree. Never rejects:
 * whatever is thrown on the way is a failed start.
 */
export async function rollOut(rollout: Rollout): Promise<RolloutResult> {
  const { crew, trial, stopped, superseded } = rollout;
  const drains: Promise<Drained | undefined>[] = [];
  for (let slot = 0; slot < crew.size; slot += 1) {
    const end = AbortSignal.any(slot === 0 ? [superseded, stopped] : [trial, stopped]);
    try {
      const parked = await replace(rollout, slot, end);
      if (parked !== undefined) drains.push(parked.drained);
    } catch (error) {
      if (error instanceof WorkerFailed) return { result: "failed", ...error.failed };
      const why: unknown = end.aborted ? end.reason : error;
      if (why instanceof TrialFailed) return { result: "failed", ...why.failed };
      if (end.aborted) return { result: "superseded" };
      return { result: "failed", ...notStarted(error, undefined) };
    }
  }
  return { result: "switched", drains };
}

class WorkerFailed extends Error {
  readonly failed: FailedWorker;

  constructor(failed: FailedWorker) {
    super("A worker failed.");
    this.failed = failed;
  }
}

async function replace(
  rollout: Rollout,
  slot: number,
  end: AbortSignal,
): Promise<{ readonly drained: Promise<Drained | undefined> } | undefined> {
  const { crew, recorder, onStep, onSwitched } = rollout;
  const worker = await provenWorker(rollout, end);
  try {
    recorder.ready();
    onStep("switching");
    void worker.heard("first-request", new AbortController().signal).then(
      ({ at }) => recorder.firstRequest(at),
      () => undefined,
    );
    const parked = await crew.admit(slot, worker).catch((error: unknown) => {
      throw new WorkerFailed(notStarted(error, worker));
    });
    recorder.switched();
    onSwitched(worker);
    return parked;
  } catch (error) {
    await worker.kill();
    throw error;
  }
}

async function provenWorker({ launch, options, onStep }: Rollout, end: AbortSignal): Promise<Worker> {
  for (let attempt = 1; ; attempt += 1) {
    end.throwIfAborted();
    onStep("starting");
    const worker = await launch();
    try {
      onStep("proving");
      const failure = await prove(worker, options, end);
      if (failure === undefined) return worker;
      const taken = failure.kind === "exited" && failure.code === EXIT_TEMPORARY;
      if (!taken || attempt >= MOST_TAKEN_PORTS)
        throw new WorkerFailed({ failure, output: worker.lastLines() });
    } catch (error) {
      await worker.kill();
      throw error;
    }
  }
}

function notStarted(error: unknown, worker: Worker | undefined): FailedWorker {
  const { code, message } = asInplaceError(error);
  const stack = stackOf(error);
  return {
    failure: { kind: "not-started", message: stack === undefined ? message : `${code}: ${message}` },
    output: worker?.lastLines() ?? (stack === undefined ? [] : toldLines(stack)),
    siteFault: isSiteFault(error),
  };
}
