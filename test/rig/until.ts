import { setTimeout as delay } from "node:timers/promises";

const LOOK_AGAIN_MS = 10;
const DEADLINE_MS = 20_000;

/** Looks until the condition holds or gives a value; rejects after withinMs with what it was waiting for, as it is then. */
export async function until<T>(
  what: string | (() => string),
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = DEADLINE_MS,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) {
      throw new Error(`${typeof what === "string" ? what : what()}: not within ${withinMs} ms`);
    }
    await delay(LOOK_AGAIN_MS);
  }
}
