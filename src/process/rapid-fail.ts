/** The module counts failures in tumbling minutes. */
export const RAPID_FAIL_WINDOW_MS = 60_000;

/** No more starts for the rest of the minute once a minute has seen more than `limit` failures. */
export class RapidFailGuard {
  readonly #limit: number;
  readonly #now: () => number;
  #windowStart: number;
  #failures = 0;

  constructor(limit: number, now: () => number = Date.now) {
    this.#limit = limit;
    this.#now = now;
    this.#windowStart = now();
  }

  record(): void {
    this.#roll();
    this.#failures += 1;
  }

  /** Milliseconds until a start is allowed again; 0: allowed now. */
  blockedForMs(): number {
    this.#roll();
    return this.#failures > this.#limit ? this.#windowStart + RAPID_FAIL_WINDOW_MS - this.#now() : 0;
  }

  // Checked lazily as in the module: the window begins anew with the first look after its end.
  #roll(): void {
    const now = this.#now();
    if (now - this.#windowStart < RAPID_FAIL_WINDOW_MS) return;
    this.#windowStart = now;
    this.#failures = 0;
  }
}
