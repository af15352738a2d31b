import { constants, copyFile, lstat, mkdir, readdir, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve, sep } from "node:path";
import { InplaceError, systemCode } from "../errors.ts";
import { isInside } from "../paths.ts";
import { DEPLOY_FOLDER, OWN_FOLDER, POINTER_FILE, TARGET_FOLDER } from "../site/layout.ts";

/** Never part of an artifact nor of the files that are synchronised. */
const NEVER_COPIED: ReadonlySet<string> = new Set([
  OWN_FOLDER,
  DEPLOY_FOLDER,
  TARGET_FOLDER,
  POINTER_FILE,
  ".git",
]);

/** Copies a file, or a folder with all in it; links are followed, where they stay inside. Gives what it copied, absolute. */
export async function copyTree(from: string, to: string, signal: AbortSignal): Promise<string[]> {
  const files = await filesBelow(from);
  await copyFiles(from, files, to, signal);
  return files.map((file) => join(from, file));
}

/** So many files of a copy are under way at the same time. */
const COPIES_AT_A_TIME = 16;

/** Copies files, named relative to `from` with "/"; "" is `from` itself. */
export async function copyFiles(
  from: string,
  paths: readonly string[],
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const folders = new Set(paths.map((path) => dirname(path === "" ? to : join(to, path))));
  for (const folder of folders) await mkdir(folder, { recursive: true });
  const waiting = paths.values();
  const copy = async (): Promise<void> => {
    for (const path of waiting) {
      signal.throwIfAborted();
      const [source, place] = path === "" ? [from, to] : [join(from, path), join(to, path)];
      await copyFile(source, place, constants.COPYFILE_FICLONE);
    }
  };
  await Promise.all(Array.from({ length: COPIES_AT_A_TIME }, copy));
}

/** Paths of all files below a folder, relative with "/"; "" for a file. What a site itself writes is left out. */
export async function filesBelow(path: string): Promise<string[]> {
  return walk(path, await realpath(path), "");
}

async function walk(path: string, top: string, prefix: string): Promise<string[]> {
  const entry = await lstat(path);
  if (entry.isSymbolicLink()) return followLink(path, top, prefix);
  if (entry.isFile()) return [prefix];
  if (!entry.isDirectory()) return [];
  const found: string[] = [];
  for (const name of (await readdir(path)).sort()) {
    if (prefix === "" && NEVER_COPIED.has(name)) continue;
    found.push(...(await walk(join(path, name), top, prefix === "" ? name : `${prefix}/${name}`)));
  }
  return found;
}

async function followLink(path: string, top: string, prefix: string): Promise<string[]> {
  const real = await realpath(path);
  const inside = real === top || real.startsWith(top + sep);
  // A link to a folder above itself would be followed without end.
  if (!inside || path.startsWith(real + sep)) {
    throw new InplaceError("LINK_OUTSIDE", `${path} is a link to ${real}, outside of what is copied.`);
  }
  return walk(real, top, prefix);
}

/** The absolute path of something named in the configuration. Throws CONFIG_INVALID where it is missing or lies outside. */
export async function insideSource(source: string, path: string, key: string): Promise<string> {
  const full = resolve(source, path);
  if (isAbsolute(path) || !isInside(source, full)) {
    throw new InplaceError(
      "CONFIG_INVALID",
      `${key}: ${JSON.stringify(path)} is not inside the source folder.`,
    );
  }
  try {
    await lstat(full);
  } catch (error) {
    if (systemCode(error) !== "ENOENT" && systemCode(error) !== "ENOTDIR") throw error;
    throw new InplaceError("CONFIG_INVALID", `${key}: there is no ${JSON.stringify(path)} in ${source}.`, {
      cause: error,
    });
  }
  return full;
}
