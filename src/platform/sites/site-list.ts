import { readFile, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { decodeText } from "../../decode-text.ts";
import { InplaceError } from "../../errors.ts";
import { localPath } from "../../process/windows-path.ts";
import { spellingsOf, WEB_CONFIG } from "../../site/windows-names.ts";

/** One site of several, and which requests are for it. */
export interface SiteEntry {
  /** For logs and events. */
  readonly name: string;
  /** In lower case, without port; undefined: every host that no other site names. */
  readonly host: string | undefined;
  /** "/" or "/app": requests below it, whole path segments. */
  readonly path: string;
  readonly root: string;
}

/** The folder whose site takes what no other one takes. */
export const DEFAULT_SITE = "_default";

const HOST_NAME = /^[A-Za-z0-9.-]{1,253}$/;

/**
 * The sites of a folder (each subfolder with a web.config is the site of the host it is named after, `_default` that of
 * every other host) or of a JSON file `{"sites":[{"host","path","root"}]}`. Throws CONFIG_INVALID. known: roots that are sites
 * as long as their folder is there, whatever of it is being replaced.
 */
export async function readSites(path: string, known: readonly string[] = []): Promise<SiteEntry[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined)
    throw new InplaceError("CONFIG_INVALID", `There is no ${path} to read sites from.`);
  const entries = found.isDirectory() ? await sitesInFolder(path, known) : await sitesInFile(path);
  if (entries.length === 0) throw new InplaceError("CONFIG_INVALID", `${path} holds no site.`);
  const twice = entries.find(
    (entry, index) => entries.findIndex((other) => sameAddress(entry, other)) !== index,
  );
  if (twice !== undefined)
    throw new InplaceError("CONFIG_INVALID", `${path} has two sites for ${twice.name}.`);
  return entries;
}

async function sitesInFolder(folder: string, known: readonly string[]): Promise<SiteEntry[]> {
  const entries: SiteEntry[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const root = join(folder, name);
    if (!known.includes(root) && spellingsOf(join(root, WEB_CONFIG)).length === 0) continue;
    entries.push({ name, host: name === DEFAULT_SITE ? undefined : hostName(folder, name), path: "/", root });
  }
  return entries;
}

async function sitesInFile(path: string): Promise<SiteEntry[]> {
  let content: unknown;
  try {
    content = JSON.parse(decodeText(await readFile(path)));
  } catch (cause) {
    throw new InplaceError("CONFIG_UNREADABLE", `${path} is not JSON.`, { cause });
  }
  const sites = (content as { sites?: unknown } | null)?.sites;
  if (!Array.isArray(sites)) throw new InplaceError("CONFIG_INVALID", `${path} has no list "sites".`);
  return sites.map((site: unknown, index) => readEntry(path, index, site));
}

function readEntry(file: string, index: number, site: unknown): SiteEntry {
  const { host, path = "/", root, ...rest } = (site ?? {}) as Record<string, unknown>;
  const where = `${file}: sites[${index}]`;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw new InplaceError("CONFIG_UNKNOWN_KEY", `${where} has an unknown key ${unknown}.`);
  if (typeof root !== "string" || root === "")
    throw new InplaceError("CONFIG_INVALID", `${where} needs a root.`);
  if (typeof path !== "string" || !/^\/[^?#%]*$/.test(path)) {
    throw new InplaceError("CONFIG_INVALID", `${where}.path has to begin with "/".`);
  }
  const place = localPath(root, dirname(file));
  if (place.notHere !== undefined)
    throw new InplaceError("CONFIG_INVALID", `${where}.root is ${root}: ${place.notHere}.`);
  const base = path.length > 1 ? path.replace(/\/+$/, "") : path;
  const name = host === undefined ? undefined : hostName(where, host);
  return {
    name: `${name ?? "*"}${base === "/" ? "" : base}`,
    host: name,
    path: base,
    root: place.path,
  };
}

function hostName(where: string, host: unknown): string {
  if (typeof host === "string" && HOST_NAME.test(host)) return host.toLowerCase();
  throw new InplaceError("CONFIG_INVALID", `${where}: ${JSON.stringify(host)} is no host name.`);
}

function sameAddress(a: SiteEntry, b: SiteEntry): boolean {
  return a.host === b.host && a.path.toLowerCase() === b.path.toLowerCase();
}
