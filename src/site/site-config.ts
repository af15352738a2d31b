import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeText } from "../decode-text.ts";
import { systemCode } from "../errors.ts";
import { DEFAULT_HOST, isHost } from "../site-host.ts";

/** What a running site reads of its configuration; nothing in it has been checked. */
export interface RunningConfig {
  readonly drain?: {
    readonly deadlineMs?: unknown;
    readonly longPollAfterMs?: unknown;
    readonly maxUnavailable?: unknown;
  } | null;
  readonly host?: unknown;
  readonly requireSignature?: unknown;
  readonly prune?: unknown;
  readonly keep?: unknown;
  readonly haproxy?: unknown;
}

export type SiteConfigRead =
  | { readonly state: "read"; readonly config: RunningConfig }
  /** text: as far as it could be read. */
  | { readonly state: "broken"; readonly path: string; readonly text: string | undefined };

/**
 * The site's inplace.config.json, else the inplace key of its package.json, as `loadConfig` finds it in a source. In step
 * with the start of a process, hence without promises; never throws.
 */
export function readSiteConfig(root: string): SiteConfigRead {
  const own = readObject(join(root, "inplace.config.json"));
  if (own !== undefined) return own;
  const manifest = readObject(join(root, "package.json"));
  if (manifest?.state !== "read") return manifest ?? { state: "read", config: {} };
  const { inplace } = manifest.config as { readonly inplace?: RunningConfig | null };
  return { state: "read", config: inplace ?? {} };
}

/** The settings that are sound there; inplace deploy and inplace doctor say what is wrong with a broken file. */
export function tolerantConfig(root: string): RunningConfig {
  const read = readSiteConfig(root);
  return read.state === "read" ? read.config : {};
}

/** What checks of the site ask for. */
export function siteHost(root: string): string {
  const { host } = tolerantConfig(root);
  return isHost(host) ? host : DEFAULT_HOST;
}

function readObject(path: string): SiteConfigRead | undefined {
  let text: string | undefined;
  try {
    text = decodeText(readFileSync(path));
    const config: unknown = JSON.parse(text);
    if (typeof config === "object" && config !== null) return { state: "read", config };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
  }
  return { state: "broken", path, text };
}
