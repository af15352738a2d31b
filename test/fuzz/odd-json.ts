import type { Random } from "./random.ts";

export type Choice<T> = readonly [T, ...T[]];

/** Those that no reader of JSON expects. */
export const ODD_VALUES: Choice<unknown> = [null, true, false, 0, -1, 1e308, 0.5, "", "a\0b"];
const VALUES: Choice<unknown> = [
  ...ODD_VALUES,
  2 ** 53,
  65_536,
  "a",
  "..",
  "../x",
  "\ud800",
  "__proto__",
  "127.0.0.1",
  "l".repeat(5_000),
];
const KEYS: Choice<string> = ["a", "port", "host", "length", "__proto__", "constructor", "toJSON", "then"];

/** Any value that JSON can hold, and that few expect. */
export function oddJson(random: Random, keys = KEYS, values = VALUES): unknown {
  return nested(0);

  function nested(depth: number): unknown {
    if (depth > 3 || random.onceIn(2)) return random.pick(values);
    if (random.onceIn(2)) return random.list(random.below(4), () => nested(depth + 1));
    return oddObject(random, keys, () => nested(depth + 1));
  }
}

/** The same of values that are objects. */
export function oddObject(random: Random, keys: Choice<string>, value: () => unknown): object {
  return Object.fromEntries(random.list(random.below(5), () => [random.pick(keys), value()]));
}
