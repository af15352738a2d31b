import { Random } from "../random.ts";
import { oddJson } from "../odd-json.ts";

/** All but "stop-asked": who may say that, says it. */
const KINDS = [
  "listening",
  "accepted",
  "elsewhere",
  "ready",
  "serving",
  "first-request",
  "counted",
  "reset",
  "drained",
  "odd",
  "__proto__",
  "constructor",
] as const;
const FIELDS = [
  "host",
  "port",
  "protocol",
  "requests",
  "connections",
  "served",
  "cut",
  "durationMs",
  "at",
] as const;
const PROTOCOLS = ["http", "https", "h2", "h2c", "tcp", "tls", "unknown", "inherited", "odd"] as const;

/** What an app may send its supervisor over the channel between them, as any of its packages can. */
export function oddMessages(seed: number): unknown[] {
  const random = new Random(seed);
  return random.list(1 + random.below(20), () => oddMessage(random));
}

function oddMessage(random: Random): unknown {
  if (random.onceIn(4)) return oddJson(random);
  const message: Record<string, unknown> = {
    inplace: random.onceIn(8) ? oddJson(random) : random.pick(KINDS),
  };
  for (const field of FIELDS) if (random.onceIn(2)) message[field] = oddJson(random);
  if (random.onceIn(3)) message["protocol"] = random.pick(PROTOCOLS);
  if (random.onceIn(3)) message["port"] = random.below(70_000);
  if (random.onceIn(3)) message["host"] = "127.0.0.1";
  return message;
}
