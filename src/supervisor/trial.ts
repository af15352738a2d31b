import { setTimeout as delay } from "node:timers/promises";
import { aborted } from "./aborted.ts";
import { checkHealth } from "./health.ts";
import { DEFAULT_PROBATION_INTERVAL_MS, type NormalSuperviseOptions } from "./options.ts";
import { TrialFailed, type FailedWorker } from "./rollout.ts";
import type { Failure } from "./proof.ts";
import type { Worker } from "./worker.ts";

/** The probation of a release: from its first worker's switch until it has proved itself beside the parked one. */
export class Trial {
  readonly #workers = new Set<Worker>();
  readonly #failed = new AbortController();

  /** Aborts with a TrialFailed when one of its workers dies or is unhealthy. */
  get signal(): AbortSignal {
    return this.#failed.signal;
  }

  add(worker: Worker): void {
    this.#workers.add(worker);
  }

  has(worker: Worker): boolean {
    return this.#workers.has(worker);
  }

  died(worker: Worker, failure: Failure): void {
    this.#fail(worker, failure);
  }

  /**
   * Watches for so long, and at least until `drained`. undefined: passed, or ended by `end`; else what failed.
   */
  async run(
    options: NormalSuperviseOptions,
    drained: Promise<unknown>,
    end: AbortSignal,
  ): Promise<FailedWorker | undefined> {
    const over = AbortSignal.any([end, this.signal]);
    const stopChecking = new AbortController();
    if (options.health !== undefined) void this.#checkHealth(options, stopChecking.signal);
    const passed = delay(options.probationMs, undefined, { signal: over }).then(() => drained);
    await Promise.race([passed, aborted(over)]).catch(() => undefined);
    stopChecking.abort();
    if (this.signal.aborted) return (this.signal.reason as TrialFailed).failed;
    return undefined;
  }

  async #checkHealth(options: NormalSuperviseOptions, end: AbortSignal): Promise<void> {
    const { health } = options;
    if (health === undefined) return;
    const interval = Math.max(health.intervalMs, DEFAULT_PROBATION_INTERVAL_MS);
    for (;;) {
      await delay(interval, undefined, { signal: end }).catch(() => undefined);
      for (const worker of this.#workers) {
        if (end.aborted) return;
        const place = await worker.heard("listening", end).catch(() => undefined);
        const problem = place === undefined ? undefined : await checkHealth(place, health);
        if (problem !== undefined && !end.aborted) this.#fail(worker, { kind: "unhealthy", problem });
      }
    }
  }

  #fail(worker: Worker, failure: Failure): void {
    this.#failed.abort(new TrialFailed({ failure, output: worker.lastLines() }));
  }
}
