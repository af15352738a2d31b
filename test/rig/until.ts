import { setTimeout as delay } from "node:timers/promises";

export const OFTEN_MS = 10;
/** Once it has looked often for so long, since what is looked at may be dear: a page, a program's answer, all processes. */
const OFTEN_FOR_MS = 500;
const SELDOM_MS = 50;
const DEADLINE_MS = 20_000;

/**
 * Looks until the condition holds or gives a value; rejects after withinMs with what it was waiting for, as it is then.
 * After half a second it looks every laterMs; who waits for what passes quickly asks for OFTEN_MS.
 */
export async function until<T>(
  what: string | (() => string),
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = DEADLINE_MS,
  laterMs = SELDOM_MS,
): Promise<T> {
  const begunAt = Date.now();
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    const waited = Date.now() - begunAt;
    if (waited > withinMs) {
      throw new Error(`${typeof what === "string" ? what : what()}: not within ${withinMs} ms`);
    }
    await delay(waited < OFTEN_FOR_MS ? OFTEN_MS : laterMs);
  }
}
