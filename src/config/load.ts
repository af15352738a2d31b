import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { decodeText } from "../decode-text.ts";
import { InplaceError, systemCode } from "../errors.ts";
import { normalizeConfig, type SiteConfig, type UserConfig } from "./config.ts";
import { validateConfig } from "./validate.ts";

export const CONFIG_FILE = "inplace.config.json";
const PACKAGE_FILE = "package.json";
const PACKAGE_KEY = "inplace";

/**
 * The folder's inplace.config.json, else the inplace key of its package.json, else the defaults.
 * Throws CONFIG_UNREADABLE, CONFIG_UNKNOWN_KEY or CONFIG_INVALID. Only JSON is read, never code.
 */
export async function loadConfig(folder: string): Promise<SiteConfig> {
  return normalizeConfig((await findConfig(folder)) ?? {});
}

/** Whether the folder has a configuration of its own, sound or not. */
export async function hasConfig(folder: string): Promise<boolean> {
  if ((await readJson(join(folder, CONFIG_FILE), "loose")) !== undefined) return true;
  return packageKey(await readJson(join(folder, PACKAGE_FILE), "loose")) !== undefined;
}

/** The text of an inplace.config.json for a folder whose package.json holds the configuration; undefined for any other. */
export async function configOfPackage(folder: string): Promise<string | undefined> {
  if ((await readJson(join(folder, CONFIG_FILE), "loose")) !== undefined) return undefined;
  const key = packageKey(await readJson(join(folder, PACKAGE_FILE), "loose"));
  return key === undefined ? undefined : `${JSON.stringify(key, null, 2)}\n`;
}

/** First that is set: `named`, configuration, package.json, folder. The last two are made to fit; none is checked. */
export async function siteName(
  named: string | undefined,
  config: SiteConfig,
  folder: string,
): Promise<string> {
  const explicit = named ?? config.site;
  if (explicit !== undefined) return explicit;
  const name = (await packageName(folder)) ?? basename(folder);
  const usable = name
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "")
    .slice(0, 64);
  if (usable !== "") return usable;
  throw new InplaceError("SITE_NAME_INVALID", `No site name can be made of ${JSON.stringify(name)}.`, {
    hint: 'Set "site" in inplace.config.json: letters, digits, ".", "_" and "-".',
  });
}

/** The name in the folder's package.json, without its scope. */
export async function packageName(folder: string): Promise<string | undefined> {
  const manifest = await readJson(join(folder, PACKAGE_FILE), "strict");
  if (typeof manifest !== "object" || manifest === null || !("name" in manifest)) return undefined;
  return typeof manifest.name === "string" ? manifest.name.replace(/^@[^/]*\//, "") : undefined;
}

async function findConfig(folder: string): Promise<UserConfig | undefined> {
  const file = join(folder, CONFIG_FILE);
  const own = await readJson(file, "strict");
  if (own !== undefined) return validateConfig(own, file);
  const manifest = join(folder, PACKAGE_FILE);
  const key = packageKey(await readJson(manifest, "strict"));
  return key === undefined ? undefined : validateConfig(key, `${manifest}, key ${PACKAGE_KEY}`);
}

function packageKey(manifest: unknown): unknown {
  const isObject = typeof manifest === "object" && manifest !== null;
  return isObject && PACKAGE_KEY in manifest ? manifest[PACKAGE_KEY] : undefined;
}

/** undefined where there is no file; strict throws CONFIG_UNREADABLE for bad JSON, loose takes it as {}. */
async function readJson(path: string, mode: "strict" | "loose"): Promise<unknown> {
  let text: string;
  try {
    text = decodeText(await readFile(path));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw new InplaceError("CONFIG_UNREADABLE", `${path} cannot be read.`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    if (mode === "loose") return {};
    const why = error instanceof Error ? error.message : String(error);
    throw new InplaceError("CONFIG_UNREADABLE", `${path} is not JSON: ${why}.`, { cause: error });
  }
}
