import type { Random } from "../random.ts";

const VALUES = [
  null,
  true,
  false,
  0,
  -1,
  1e308,
  0.5,
  2 ** 53,
  65_536,
  "",
  "a",
  "..",
  "../x",
  "a\0b",
  "\ud800",
  "__proto__",
  "127.0.0.1",
  "l".repeat(5_000),
] as const;
const KEYS = ["a", "port", "host", "length", "__proto__", "constructor", "toJSON", "then"] as const;

/** Any value that JSON can hold, and that few expect. */
export function oddJson(random: Random, depth = 0): unknown {
  if (depth > 3 || random.onceIn(2)) return random.pick(VALUES);
  if (random.onceIn(2)) return random.list(random.below(4), () => oddJson(random, depth + 1));
  return Object.fromEntries(
    random.list(random.below(4), () => [random.pick(KEYS), oddJson(random, depth + 1)]),
  );
}
