import type { SiteLayout } from "./layout.ts";
import { tolerantConfig } from "./site-config.ts";

/** How long what is in flight may take when a process is to end, milliseconds. */
export const DEFAULT_DRAIN_MS = 30_000;

/** What the site allows its processes: INPLACE_DRAIN_MS, else drain.deadlineMs of its configuration; what is not sound there is not said. */
export async function readDrainDeadline(layout: SiteLayout, env: NodeJS.ProcessEnv): Promise<number> {
  return (
    amount(env["INPLACE_DRAIN_MS"]) ??
    amount(tolerantConfig(layout.root).drain?.deadlineMs) ??
    DEFAULT_DRAIN_MS
  );
}

function amount(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? number : undefined;
}
