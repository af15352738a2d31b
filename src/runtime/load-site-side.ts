import { setTimeout as delay } from "node:timers/promises";
import { systemCode } from "../errors.ts";
import type * as siteSide from "./site-side.ts";

type SiteSideModule = Pick<typeof siteSide, "openSite">;

/** What the bundle calls the module; the bundler sets it. */
declare const SITE_SIDE_FILE: string | undefined;

const RETRY_MS = 1_000;
const TOO_MANY_FILES: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);

/**
 * Loads what watches the site. Where file descriptors are wanting it tries again until there are some, and keeps no
 * process alive for that; onWait: told each time. Rejects where anything else is wrong.
 */
export async function loadSiteSide(onWait: (problem: string) => void): Promise<SiteSideModule> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await (attempt === 0 ? import("./site-side.ts") : importAnew(attempt));
    } catch (error) {
      if (!TOO_MANY_FILES.has(systemCode(error) ?? "")) throw error;
      onWait(error instanceof Error ? error.message : String(error));
    }
    await delay(RETRY_MS, undefined, { ref: false });
  }
}

/** Node remembers for good that a module could not be loaded; with another query it is another one. */
function importAnew(attempt: number): Promise<SiteSideModule> {
  const file = typeof SITE_SIDE_FILE === "string" ? SITE_SIDE_FILE : "./site-side.js";
  return import(new URL(`${file}?${attempt}`, import.meta.url).href) as Promise<SiteSideModule>;
}
