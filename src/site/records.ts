import { constants } from "node:fs";
import { lstat, mkdir, open, stat, unlink, type FileHandle } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { decodeText } from "../decode-text.ts";
import { asSiteError, InplaceError, systemCode } from "../errors.ts";
import { isInside } from "../paths.ts";
import type { SiteLayout } from "./layout.ts";
import { wrongKind } from "./wrong-kind.ts";

/** Longer than any record is. Bytes. */
const LONGEST_RECORD = 1024 * 1024;
/** Windows has neither such links in common use nor pipes among files. */
const PLAIN = process.platform === "win32" ? 0 : constants.O_NOFOLLOW | constants.O_NONBLOCK;
const NOT_ALLOWED: ReadonlySet<string> = new Set(["EACCES", "EPERM"]);
/** How the system says that something else is there than was looked for: a link, a socket, a folder, a file. */
const OTHER_KIND: ReadonlySet<string> = new Set(
  "ELOOP EMLINK ENXIO ENODEV EISDIR ERR_FS_EISDIR ENOTDIR EEXIST ENOTEMPTY".split(" "),
);

/**
 * The text of a file that another account may have put there; undefined where there is none. Never follows a link nor
 * waits for a pipe. Throws RECORD_UNSAFE for what is no plain file, or longer than `limit` bytes.
 */
export async function readRecord(path: string, limit?: number): Promise<string | undefined> {
  const bytes = await readRecordBytes(path, limit);
  return bytes === undefined ? undefined : decodeText(bytes);
}

/** The same, as it lies there. */
export async function readRecordBytes(path: string, limit = LONGEST_RECORD): Promise<Buffer | undefined> {
  const file = await openRecord(path);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    if (size > limit) throw unsafe(path, `is longer than ${limit} bytes`);
    return await bytesOf(file, 0, size);
  } finally {
    await file.close();
  }
}

/** The same for the last `limit` bytes of what grows without end. */
export async function readEndOfRecord(path: string, limit: number): Promise<string | undefined> {
  const file = await openRecord(path);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    return await textOf(file, Math.max(0, size - limit), Math.min(size, limit));
  } finally {
    await file.close();
  }
}

/** Opens a plain file; undefined where there is none. Throws RECORD_UNSAFE for a link, a pipe, a folder or a device. */
export async function openRecord(path: string, flags = constants.O_RDONLY): Promise<FileHandle | undefined> {
  try {
    return await openPlain(path, flags);
  } catch (error) {
    const code = systemCode(error) ?? "";
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw flags === constants.O_RDONLY ? asUnreadable(error, path) : asRecordError(error, path);
  }
}

/** The same for a file that has to be there: throws the system's error. */
export async function openPlain(path: string, flags = constants.O_RDONLY): Promise<FileHandle> {
  const file = await open(path, flags | PLAIN);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw unsafe(path, "is no plain file");
}

/**
 * Makes a folder of the site, and those above it, but not the site's own: what still runs would bring a site back that was removed.
 * Throws RECORD_UNSAFE as refuseForeignLinks does.
 */
export async function makeFolder(layout: SiteLayout, folder: string): Promise<void> {
  await refuseForeignLinks(layout, folder);
  await makeFolders(folder, { within: layout.root }).catch((error: unknown) => {
    throw asRecordError(error, folder);
  });
}

/**
 * mkdir -p. Throws RECORD_UNSAFE where something else lies in the place of one of them, or the system's error. Node's own says of
 * a disk that may only be read that the folder is missing, and tries for ever where nothing can be made in a folder that is
 * there, as in /proc.
 */
export async function makeFolders(
  folder: string,
  options: { readonly mode?: number; readonly within?: string } = {},
): Promise<void> {
  const { mode = 0o777, within } = options;
  const above = dirname(folder);
  try {
    return await mkdir(folder, { mode });
  } catch (error) {
    if (systemCode(error) !== "ENOENT" || folder === above) return await unlessFolder(folder, error);
    if (above === within) throw error;
  }
  await makeFolders(above, options);
  await mkdir(folder, { mode }).catch((error: unknown) => unlessFolder(folder, error));
}

/** Of what is there already some systems say other things first: that it may not be made, that it is a folder. */
async function unlessFolder(path: string, error: unknown): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) throw wrongKind(path, "folder", error) ?? error;
}

/** Removes a file if it is there. Throws RECORD_UNSAFE as refuseForeignLinks does, and for a folder. */
export async function removeRecord(layout: SiteLayout, path: string): Promise<void> {
  await refuseForeignLinks(layout, dirname(path));
  // Cheaper than rm(), which looks before it removes: that counts with ten thousand old releases.
  await unlink(path).catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT") throw asRecordError(error, path);
  });
}

function asUnreadable(error: unknown, path: string): unknown {
  if (!NOT_ALLOWED.has(systemCode(error) ?? "")) return asRecordError(error, path);
  return new InplaceError("ACCESS_DENIED", `Not allowed to read ${path}.`, { cause: error });
}

/** A failed write of a record as the coded error that a person can act on; other errors come back as they are. */
export function asRecordError(error: unknown, path: string): unknown {
  const other = OTHER_KIND.has(systemCode(error) ?? "");
  if (!other) return asSiteError(error, path);
  return wrongKind(path, "file", error) ?? unsafe(path, "is not what it has to be", error);
}

/**
 * Throws RECORD_UNSAFE where the folder, or one on the way to it from the site, is a link that another account made: who
 * followed it would write or remove where that account cannot. Links of one's own, and of root, count as folders.
 */
export async function refuseForeignLinks({ root }: SiteLayout, folder: string): Promise<void> {
  const me = process.getuid?.();
  if (me === undefined) return;
  if (!isInside(root, folder)) return;
  let at = root;
  for (const name of relative(root, folder).split(sep)) {
    at = join(at, name);
    const found = await lstat(at).catch(() => undefined); // What is not there is made by who goes there.
    if (found?.isSymbolicLink() === true && found.uid !== me && found.uid !== 0) {
      throw unsafe(at, `is a link that account ${found.uid} made`);
    }
  }
}

/** The text in an open file from a place on. */
export async function textOf(file: FileHandle, from: number, length: number): Promise<string> {
  return decodeText(await bytesOf(file, from, length));
}

async function bytesOf(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const block = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(block, filled, length - filled, from + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return block.subarray(0, filled);
}

function unsafe(path: string, what: string, cause?: unknown): InplaceError {
  return new InplaceError("RECORD_UNSAFE", `${path} ${what}.`, { cause });
}
