import { existsSync } from "node:fs";
import { lstat, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { CONFIG_FILE, configOfPackage } from "../config/load.ts";
import type { SiteConfig } from "../config/config.ts";
import { systemCode } from "../errors.ts";
import { packageFile } from "../package-files.ts";
import type { SiteLayout } from "../site/layout.ts";
import { filesBelow, insideSource } from "./copy-tree.ts";

export const LAUNCHERS = ["launch.cmd", "launch.sh"] as const;
const WEB_CONFIG = "web.config";
/** What a deploy puts into a site whose source does not bring it. */
export const PROVIDED_FILES = [...LAUNCHERS, WEB_CONFIG] as const;

/** A file that belongs into the site beside the artifact. */
export interface SiteFile {
  /** Relative to the site root, with "/". */
  readonly path: string;
  readonly from: string;
  /** What it is to hold, where it is no copy. */
  readonly text?: string;
  /** "package": one of ours, for a source that brings none. */
  readonly origin: "source" | "package";
}

/** What has to lie in the site; web.config last, since IIS reacts to it at once. */
export async function siteFiles(source: string, config: SiteConfig, layout: SiteLayout): Promise<SiteFile[]> {
  const inPlace = (await realpath(source)) === (await realpath(layout.root));
  const own = inPlace ? [] : await sourceFiles(source, config);
  const has = (path: string): boolean => own.some((file) => file.path === path);
  for (const name of LAUNCHERS) {
    if (!has(name) && !(inPlace && existsSync(join(source, name)))) own.push(fromPackage(name));
  }
  // One that somebody wrote in the site is theirs.
  if (!has(WEB_CONFIG) && !existsSync(layout.webConfig)) own.push(fromPackage(WEB_CONFIG));
  return own
    .filter((file) => existsSync(file.from))
    .sort((a, b) => Number(a.path === WEB_CONFIG) - Number(b.path === WEB_CONFIG));
}

async function sourceFiles(source: string, config: SiteConfig): Promise<SiteFile[]> {
  const named = [WEB_CONFIG, ...LAUNCHERS, CONFIG_FILE].filter((name) => existsSync(join(source, name)));
  const found = new Map(named.map((path) => [path, join(source, path)]));
  for (const entry of config.files) {
    const from = await insideSource(source, entry, "files");
    const prefix = entry.replaceAll("\\", "/").replace(/^(\.\/)+|\/+$/g, "");
    for (const below of await filesBelow(from)) {
      const path = [prefix === "." ? "" : prefix, below].filter((part) => part !== "").join("/");
      found.set(path, below === "" ? from : join(from, below));
    }
  }
  const files: SiteFile[] = [...found].map(([path, from]) => ({ path, from, origin: "source" }));
  // What runs in the site looks for its configuration there, and finds no package.json of the source.
  const text = await configOfPackage(source);
  const from = join(source, "package.json");
  return text === undefined ? files : [...files, { path: CONFIG_FILE, from, text, origin: "source" }];
}

function fromPackage(name: string): SiteFile {
  return { path: name, from: packageFile(name), origin: "package" };
}

/** Whether two files hold the same bytes; false where the second is missing. */
export async function sameContent(a: string, b: string): Promise<boolean> {
  try {
    const [first, second] = await Promise.all([lstat(a), lstat(b)]);
    if (first.size !== second.size || !second.isFile()) return false;
    const [left, right] = await Promise.all([readFile(a), readFile(b)]);
    return left.equals(right);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return false;
    throw error;
  }
}
