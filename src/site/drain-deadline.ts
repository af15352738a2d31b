import type { SiteLayout } from "./layout.ts";
import { readOptional } from "./present.ts";

/** How long what is in flight may take when a process is to end, milliseconds. */
export const DEFAULT_DRAIN_MS = 30_000;

/** What the site allows its processes: INPLACE_DRAIN_MS, else drain.deadlineMs of inplace.config.json; what is not sound there is not said. */
export async function readDrainDeadline(layout: SiteLayout, env: NodeJS.ProcessEnv): Promise<number> {
  return amount(env["INPLACE_DRAIN_MS"]) ?? amount(await configured(layout)) ?? DEFAULT_DRAIN_MS;
}

async function configured(layout: SiteLayout): Promise<unknown> {
  try {
    const text = (await readOptional(`${layout.root}/inplace.config.json`)) ?? "{}";
    const config = JSON.parse(text.replace(/^\uFEFF/, "")) as { drain?: { deadlineMs?: unknown } } | null;
    return config?.drain?.deadlineMs;
  } catch {
    return undefined;
  }
}

function amount(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? number : undefined;
}
