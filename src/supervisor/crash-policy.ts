/** The first restart after a quiet time is at once; then the pause doubles from here. Milliseconds. */
export const FIRST_PAUSE_MS = 100;
export const LONGEST_PAUSE_MS = 30_000;
/** More deaths than this within the window, and the release counts as broken. */
export const RAPID_FAIL_LIMIT = 5;
export const RAPID_FAIL_WINDOW_MS = 60_000;

/** How long to wait before a dead worker is replaced, and when to give its release up. */
export class CrashPolicy {
  #deaths: number[] = [];

  /** One worker died. Gives the pause before its replacement, or "give-up". */
  died(now: number = Date.now()): number | "give-up" {
    this.#deaths = this.#deaths.filter((at) => now - at < RAPID_FAIL_WINDOW_MS);
    this.#deaths.push(now);
    if (this.#deaths.length > RAPID_FAIL_LIMIT) return "give-up";
    return this.pause();
  }

  forget(): void {
    this.#deaths = [];
  }

  /** Where there is no other release to go to. */
  pause(): number {
    const before = this.#deaths.length - 1;
    return before <= 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (before - 1), LONGEST_PAUSE_MS);
  }
}
