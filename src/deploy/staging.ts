import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { asSiteError, systemCode } from "../errors.ts";
import type { SiteLayout } from "../site/layout.ts";

const BUILD_PREFIX = "build-";
/** Elsewhere nobody holds a file so that it cannot be removed. */
const HELD_RETRIES = process.platform === "win32" ? 5 : 0;
/** A temporary file of an atomic write lives for milliseconds; one this old was left by a killed process. */
const STALE_TEMPORARY_MS = 3_600_000;

/** One deploy's place to build in; on the site's volume, so that a rename publishes. */
export interface Staging {
  readonly folder: string;
  /** The build creates its artifact in here, and nothing else. */
  readonly output: string;
  /** For a clean checkout of another commit. */
  readonly checkout: string;
  remove(): Promise<void>;
}

/** The caller holds the site's lock: whatever builds lie in staging are leftovers of killed deploys, and are removed. */
export async function openStaging(layout: SiteLayout): Promise<Staging> {
  try {
    await mkdir(layout.staging, { recursive: true });
    await removeLeftovers(layout);
    const folder = join(layout.staging, `${BUILD_PREFIX}${randomBytes(4).toString("hex")}`);
    const output = join(folder, "out");
    await mkdir(output, { recursive: true });
    return { folder, output, checkout: join(folder, "checkout"), remove: () => removeTree(folder) };
  } catch (error) {
    throw asSiteError(error, layout.staging);
  }
}

async function removeLeftovers(layout: SiteLayout): Promise<void> {
  for (const name of await readdir(layout.staging)) {
    const path = join(layout.staging, name);
    if (name.startsWith(BUILD_PREFIX) || (await ageOf(path)) > STALE_TEMPORARY_MS) await removeTree(path);
  }
}

/** Best effort: on Windows a scanner may hold a file for a while; the next deploy removes the rest. */
async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: HELD_RETRIES, retryDelay: 100 }).catch(
    () => undefined,
  );
}

async function ageOf(path: string): Promise<number> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return 0;
    throw error;
  }
}
