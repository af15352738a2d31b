import { performance } from "node:perf_hooks";

/** Before something refused is tried again for the first time, and at most, milliseconds. */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 60_000;

interface Refusal {
  readonly at: bigint;
  readonly pauseMs: number;
  readonly due: number;
}

/**
 * What was refused, under its name. It rests until it changes; where the reason may go by itself, or the change may lie deeper
 * than its time tells, it is tried again after pauses that grow.
 */
export class Refusals {
  readonly #refused = new Map<string, Refusal>();

  /** at: when it changed last. */
  rests(name: string, at: bigint): boolean {
    const refusal = this.#refused.get(name);
    return refusal?.at === at && performance.now() < refusal.due;
  }

  /** lasting: trying again without a change of its time is no use. */
  add(name: string, at: bigint, lasting: boolean): void {
    const before = this.#refused.get(name);
    const pauseMs = before?.at === at ? Math.min(2 * before.pauseMs, LONGEST_PAUSE_MS) : FIRST_PAUSE_MS;
    this.#refused.set(name, { at, pauseMs, due: lasting ? Infinity : performance.now() + pauseMs });
  }

  /** Forgets what is not there any more. */
  keepOnly(names: readonly string[]): void {
    if (this.#refused.size === 0) return;
    const there = new Set(names);
    for (const name of this.#refused.keys()) if (!there.has(name)) this.#refused.delete(name);
  }
}
