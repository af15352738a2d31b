import type { RolloutOutcome } from "./state.ts";

/** So many past rollouts can still be asked about. */
export const REMEMBERED = 100;

/** How the rollouts ended, for those who wait for one or ask later. */
export class Outcomes {
  readonly #known = new Map<string, RolloutOutcome>();
  #waiting: { readonly artifact: string; readonly settle: (outcome: RolloutOutcome) => void }[] = [];

  /** A new rollout of this artifact: what was known of it is no longer true. */
  begin(artifact: string): void {
    this.#known.delete(artifact);
  }

  settle(outcome: RolloutOutcome): void {
    const { artifact } = outcome;
    this.#known.delete(artifact);
    this.#known.set(artifact, outcome);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) break;
      this.#known.delete(oldest);
    }
    const waiting = this.#waiting.filter((each) => each.artifact === artifact);
    this.#waiting = this.#waiting.filter((each) => each.artifact !== artifact);
    for (const { settle } of waiting) settle(outcome);
  }

  /** The end of the rollout of this artifact, past or to come. Rejects when the signal aborts. */
  of(artifact: string, signal: AbortSignal): Promise<RolloutOutcome> {
    const known = this.#known.get(artifact);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const settle = (outcome: RolloutOutcome): void => {
        signal.removeEventListener("abort", aborted);
        resolve(outcome);
      };
      const waiting = { artifact, settle };
      const aborted = (): void => {
        this.#waiting = this.#waiting.filter((each) => each !== waiting);
        reject(signal.reason as Error);
      };
      this.#waiting.push(waiting);
      signal.addEventListener("abort", aborted, { once: true });
    });
  }
}
