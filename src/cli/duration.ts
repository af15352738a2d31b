import { InplaceError } from "../errors.ts";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** "500ms", "60s", "5m", "1h" or a bare number of seconds, in milliseconds. Throws USAGE. */
export function duration(text: string): number {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(text.trim()) ?? [];
  if (amount === undefined) {
    throw new InplaceError("USAGE", `Not a duration: ${JSON.stringify(text)}.`, { hint: "Write 60s or 5m." });
  }
  return Math.round(Number(amount) * (UNITS[unit] ?? 1_000));
}
