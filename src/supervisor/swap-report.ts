import type { Drained } from "./worker.ts";

/** Why a rollout was begun. "refresh": fresh workers for those that came back from parking. */
export type RolloutCause = "start" | "pointer" | "replaced" | "reload" | "last-good" | "refresh";

/** What going from one release to the next cost. Milliseconds, counted from the start of the first new worker. */
export interface SwapReport {
  readonly artifact: string;
  /** undefined: nothing ran before. */
  readonly previous: string | undefined;
  readonly cause: RolloutCause;
  /** ISO 8601. */
  readonly startedAt: string;
  /** From the change of the pointer to the start; undefined where no pointer asked for it. */
  readonly detectedAfterMs: number | undefined;
  readonly readyAfterMs: number;
  readonly switchedAfterMs: number;
  /** Until the old workers had answered everything; undefined where there were none, or they died. */
  readonly drainedAfterMs: number | undefined;
  /** Until the first visitor of the new release; undefined if there was none by the end of the drain. */
  readonly firstRequestAfterMs: number | undefined;
  /** Requests that began between start and the end of the drain, in old and new workers; undefined if one died, or is a program, whose requests nobody sees. */
  readonly requests: number | undefined;
  /** Connections that the drain's deadline ended. */
  readonly cut: number;
  /**
   * Connections that were passed on (spliced, or to a program's private port) and broken on the other side. Those that
   * workers accept by themselves nobody sees breaking from outside: there it is what was in lostWorkers.
   */
  readonly reset: number;
  /** Old workers that died instead of draining: what was inside them was reset. */
  readonly lostWorkers: number;
}

/** What has been counted so far, over all rollouts. requests: undefined if a worker could not be asked, or is a program. */
export interface Counts {
  readonly requests: number | undefined;
  readonly resets: number;
}

/** Collects the figures of one rollout as they come. */
export class SwapRecorder {
  readonly #about: Pick<SwapReport, "artifact" | "previous" | "cause" | "detectedAfterMs">;
  readonly #startedAt = Date.now();
  readonly #drained: (Drained | undefined)[] = [];
  #ready: number | undefined;
  #switched: number | undefined;
  #lastDrained: number | undefined;
  #firstRequestAt: number | undefined;

  constructor(about: Pick<SwapReport, "artifact" | "previous" | "cause" | "detectedAfterMs">) {
    this.#about = about;
  }

  ready(): void {
    this.#ready = this.#since(Date.now());
  }

  switched(): void {
    this.#switched = this.#since(Date.now());
  }

  /** at: milliseconds since the epoch. */
  firstRequest(at: number): void {
    this.#firstRequestAt ??= at;
  }

  drained(drained: Drained | undefined): void {
    this.#drained.push(drained);
    if (drained !== undefined) this.#lastDrained = this.#since(Date.now());
  }

  finish(before: Counts, after: Counts): SwapReport {
    const lostWorkers = this.#drained.filter((each) => each === undefined).length;
    const first = this.#firstRequestAt;
    return {
      ...this.#about,
      startedAt: new Date(this.#startedAt).toISOString(),
      readyAfterMs: this.#ready ?? 0,
      switchedAfterMs: this.#switched ?? 0,
      drainedAfterMs: this.#lastDrained,
      firstRequestAfterMs: first === undefined ? undefined : this.#since(first),
      requests: difference(after.requests, before.requests),
      cut: this.#drained.reduce((sum, each) => sum + (each?.cut ?? 0), 0),
      reset: after.resets - before.resets,
      lostWorkers,
    };
  }

  #since(at: number): number {
    return at - this.#startedAt;
  }
}

function difference(after: number | undefined, before: number | undefined): number | undefined {
  return after === undefined || before === undefined ? undefined : after - before;
}
