import { createHash, randomUUID } from "node:crypto";
import type { Dirent } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, writeFile, type FileHandle } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize } from "node:path";
import { asSiteError, InplaceError, systemCode } from "../../errors.ts";
import type { SiteLayout } from "../layout.ts";
import { contentHash, readManifest, type Manifest, type ManifestFile } from "../manifest.ts";
import { exists, namesIn } from "../present.ts";
import { openPlain } from "../records.ts";
import { isSigned, unsigned } from "../signature.ts";
import { ownFolder } from "./own-folder.ts";

/** Enough of a hash for a folder's name: its content is compared all the same. */
const NAME_DIGITS = 16;
/** Copies of an artifact, for an app that writes to its own: a start of each worker takes one then. */
const PLACES = 8;
/** Files that are read at the same time. */
const AT_ONCE = 16;
const PART_BYTES = 256 * 1024;
/** Put aside, left by a killed process, or a note of when a copy was found to be of nothing any more: no hash begins with it. */
const ASIDE = ".";
const LEFT_MS = 3_600_000;

/**
 * The checked copy of a signed artifact: a path that only this account can write, whose files are those that were signed,
 * and no others. Made anew where there is none or anything of it has been altered. Throws ARTIFACT_UNSIGNED, ARTIFACT_ALTERED, or
 * SITE_NOT_WRITABLE and DISK_FULL where no copy can be made.
 */
export async function seal(layout: SiteLayout, artifact: string, publicKey: string): Promise<string> {
  const manifest = await signedManifest(layout, artifact, publicKey);
  await ownFolder(layout.sealed);
  await removeGone(layout);
  const places = placesOf(layout, manifest);
  for (const place of places) if (await isWhole(place, manifest)) return join(place, artifact);
  const staged = join(layout.sealed, `${ASIDE}${randomUUID()}`);
  try {
    await copyChecked(join(layout.target, artifact), join(staged, artifact), manifest);
    return join(await put(staged, places, manifest), artifact);
  } catch (error) {
    throw asSiteError(error, layout.sealed);
  } finally {
    await removed(staged);
  }
}

/**
 * The folders that a copy may be in. One that the app wrote to, or somebody else, is not started from again, but left to
 * the processes that run from it.
 */
function placesOf({ sealed }: SiteLayout, { artifact, sha256 }: Manifest): readonly string[] {
  // Two artifacts may hold the same.
  const hash = createHash("sha256").update(`${artifact}\0${sha256}`).digest("hex").slice(0, NAME_DIGITS);
  return Array.from({ length: PLACES }, (_, at) => join(sealed, at === 0 ? hash : `${hash}-${at}`));
}

async function signedManifest(layout: SiteLayout, artifact: string, publicKey: string): Promise<Manifest> {
  const manifest = await readManifest(layout, artifact).catch((cause: unknown) => {
    throw unsigned(artifact, cause);
  });
  // What is signed is the hash over the list of files, and the list is what the copy is made by.
  const signed =
    manifest !== undefined &&
    manifest.files.every(isFile) &&
    contentHash(manifest.files) === manifest.sha256 &&
    (await isSigned(manifest, publicKey));
  if (!signed) throw unsigned(artifact);
  return manifest;
}

function isFile({ path, size, sha256 }: ManifestFile): boolean {
  const inside = typeof path === "string" && !isAbsolute(path) && !/(^|[\\/])\.\.([\\/]|$)|\0/.test(path);
  return inside && typeof size === "number" && typeof sha256 === "string";
}

/** Puts the copy in the first place that is free; where none is, in that of the oldest one. */
async function put(staged: string, places: readonly string[], manifest: Manifest): Promise<string> {
  for (const place of places) {
    if (await moved(staged, place)) return place;
    if (await isWhole(place, manifest)) return place; // Another start has put it there meanwhile.
  }
  const aged = await Promise.all(places.map(async (place) => ({ place, at: await changedAt(place) })));
  for (const { place } of aged.sort((one, other) => one.at - other.at)) {
    const aside = `${staged}.old`;
    try {
      if ((await moved(place, aside)) && (await moved(staged, place))) return place;
    } finally {
      await removed(aside);
    }
  }
  const what = `The copies in ${dirname(staged)} that have been altered cannot be replaced.`;
  throw new InplaceError("SITE_NOT_WRITABLE", what);
}

/** false: something is there already, or in use (Windows). */
async function moved(from: string, to: string): Promise<boolean> {
  if (await exists(to)) return false;
  try {
    await rename(from, to);
    return true;
  } catch {
    return false;
  }
}

async function changedAt(path: string): Promise<number> {
  return (await lstat(path).catch(() => undefined))?.mtimeMs ?? 0;
}

/** Whether it holds what was signed, and nothing besides: programs find what they load by its name. */
async function isWhole(home: string, manifest: Manifest): Promise<boolean> {
  if (!(await exists(home))) return false;
  try {
    if (!(await holdsOnly(home, manifest))) return false;
    await eachOf(manifest.files, async (file) => {
      const from = await openPlain(join(home, manifest.artifact, file.path));
      try {
        await transfer(from, undefined, file);
      } finally {
        await from.close();
      }
    });
    return true;
  } catch {
    return false; // Whatever it is: it is not the copy.
  }
}

async function holdsOnly(home: string, { artifact, files }: Manifest): Promise<boolean> {
  const signed = new Set(files.map(({ path }) => join(home, artifact, path)));
  const folders = new Set<string>();
  for (const file of signed)
    for (let at = dirname(file); at !== home && !folders.has(at); at = dirname(at)) folders.add(at);
  const present = await readdir(home, { recursive: true, withFileTypes: true });
  const isExpected = (entry: Dirent): boolean => {
    const path = join(entry.parentPath, entry.name);
    return entry.isDirectory() ? folders.has(path) : entry.isFile() && signed.has(path);
  };
  return present.every(isExpected);
}

/** What was written is what was hashed: whoever changes a file meanwhile changes nothing of the copy. */
async function copyChecked(from: string, to: string, { files, kind, artifact }: Manifest): Promise<void> {
  await mkdir(kind === "folder" ? to : dirname(to), { recursive: true, mode: 0o755 });
  await eachOf(files, async (file) => {
    const source = await openPlain(join(from, file.path)).catch((error: unknown) => {
      throw altered(artifact, file, error);
    });
    try {
      const mode = ((await source.stat()).mode & 0o755) | 0o600;
      const path = join(to, normalize(file.path));
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      const target = await open(path, "wx", mode);
      try {
        await transfer(source, target, file).catch((error: unknown) => {
          throw systemCode(error) === undefined ? altered(artifact, file, error) : error;
        });
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  });
}

/** Throws where the content is another. */
async function transfer(from: FileHandle, to: FileHandle | undefined, file: ManifestFile): Promise<void> {
  const hash = createHash("sha256");
  const part = Buffer.allocUnsafe(Math.min(PART_BYTES, Math.max(1, file.size)));
  let size = 0;
  for (;;) {
    const { bytesRead } = await from.read(part, 0, part.length, null);
    if (bytesRead === 0) break;
    size += bytesRead;
    if (size > file.size) throw new Error("It is longer.");
    const bytes = part.subarray(0, bytesRead);
    hash.update(bytes);
    if (to !== undefined) await to.writeFile(bytes);
  }
  if (hash.digest("hex") !== file.sha256) throw new Error("Its content is another.");
}

function altered(artifact: string, { path }: ManifestFile, cause: unknown): InplaceError {
  const which = path === "" ? artifact : `${artifact}/${path}`;
  const why = cause instanceof Error ? ` (${systemCode(cause) ?? cause.message})` : "";
  return new InplaceError("ARTIFACT_ALTERED", `${which} is not what was published${why}.`, { cause });
}

/**
 * Copies of artifacts that were removed an hour ago, and what killed processes left. Until then a process may still run from
 * it, and load what it has not loaded yet. Best effort: on Windows, what runs stays.
 */
async function removeGone({ sealed, target }: SiteLayout): Promise<void> {
  const names = await namesIn(sealed);
  for (const name of names.filter((each) => !each.startsWith(ASIDE))) {
    const noticed = join(sealed, `${ASIDE}${name}`);
    if (await anyPresent(target, await namesIn(join(sealed, name)))) await removed(noticed);
    else if (!(await exists(noticed))) await writeFile(noticed, "").catch(() => undefined);
    else if (await isOld(noticed)) await removed(join(sealed, name));
  }
  for (const name of names)
    if (name.startsWith(ASIDE) && (await isOld(join(sealed, name)))) await removed(join(sealed, name));
}

async function isOld(path: string): Promise<boolean> {
  return Date.now() - (await changedAt(path)) > LEFT_MS;
}

async function removed(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}

async function anyPresent(folder: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) if (await exists(join(folder, name))) return true;
  return false;
}

async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      if (failed) return;
      await work(item).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  // All have to have ended before what they wrote is removed.
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  for (const each of ended) if (each.status === "rejected") throw each.reason as Error;
}
