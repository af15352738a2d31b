import { existsSync } from "node:fs";
import { lstat, readFile, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { CONFIG_FILE, configOfPackage } from "../config/load.ts";
import type { SiteConfig } from "../config/config.ts";
import { systemCode } from "../errors.ts";
import { packageFile } from "../package-files.ts";
import type { SiteLayout } from "../site/layout.ts";
import { isWebConfig, spelled, WEB_CONFIG } from "../site/windows-names.ts";
import { filesBelow, insideSource } from "./copy-tree.ts";
import { withItsLineEnds } from "./line-ends.ts";

export const LAUNCHERS = ["launch.cmd", "launch.sh"] as const;
/** What a deploy puts into a site whose source does not bring it. */
export const PROVIDED_FILES = [...LAUNCHERS, WEB_CONFIG] as const;

/** A file that belongs into the site beside the artifact. */
export interface SiteFile {
  /** Relative to the site root, with "/". */
  readonly path: string;
  readonly from: string;
  /** What it is to hold, where it is no copy. */
  readonly content?: Buffer;
  /** "package": one of ours, for a source that brings none. */
  readonly origin: "source" | "package";
}

/** What has to lie in the site; web.config last, since IIS reacts to it at once. */
export async function siteFiles(source: string, config: SiteConfig, layout: SiteLayout): Promise<SiteFile[]> {
  const inPlace = (await realpath(source)) === (await realpath(layout.root));
  const own = inPlace ? [] : await sourceFiles(source, config);
  const has = (path: string): boolean => own.some((file) => file.path === path);
  for (const name of LAUNCHERS) {
    if (has(name)) continue;
    const there = join(source, name);
    if (!inPlace || !existsSync(there)) own.push(fromPackage(name));
    else if ((await withItsLineEnds(there)) !== undefined)
      own.push({ path: name, from: there, origin: "package" });
  }
  const webConfig = spelled(layout.webConfig);
  // One that somebody wrote in the site is theirs.
  if (!own.some(({ path }) => isWebConfig(path)) && !existsSync(webConfig)) own.push(fromPackage(WEB_CONFIG));
  const files = own.filter((file) => existsSync(file.from)).map((file) => inItsCase(file, webConfig));
  const whole = await Promise.all(files.map(withSoundLineEnds));
  return whole.sort((a, b) => Number(isWebConfig(a.path)) - Number(isWebConfig(b.path)));
}

/** A second one in another case would lie beside the one that is there. */
function inItsCase(file: SiteFile, webConfig: string): SiteFile {
  if (!isWebConfig(file.path) || !existsSync(webConfig)) return file;
  return { ...file, path: basename(webConfig) };
}

async function withSoundLineEnds(file: SiteFile): Promise<SiteFile> {
  if (!(LAUNCHERS as readonly string[]).includes(file.path)) return file;
  const content = await withItsLineEnds(file.from);
  return content === undefined ? file : { ...file, content };
}

async function sourceFiles(source: string, config: SiteConfig): Promise<SiteFile[]> {
  const webConfig = basename(spelled(join(source, WEB_CONFIG)));
  const named = [webConfig, ...LAUNCHERS, CONFIG_FILE].filter((name) => existsSync(join(source, name)));
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
  if (text === undefined) return files;
  return [...files, { path: CONFIG_FILE, from, content: Buffer.from(text), origin: "source" }];
}

function fromPackage(name: string): SiteFile {
  return { path: name, from: packageFile(name), origin: "package" };
}

/** Whether the second file holds the same bytes as the first, or these; false where it is missing. */
export async function sameContent(a: string | Buffer, b: string): Promise<boolean> {
  try {
    if (typeof a !== "string") return (await lstat(b)).isFile() && a.equals(await readFile(b));
    const [first, second] = await Promise.all([lstat(a), lstat(b)]);
    if (first.size !== second.size || !second.isFile()) return false;
    const [left, right] = await Promise.all([readFile(a), readFile(b)]);
    return left.equals(right);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return false;
    throw error;
  }
}
