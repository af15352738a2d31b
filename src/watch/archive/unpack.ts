import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { asSiteError, InplaceError, systemCode } from "../../errors.ts";
import { Survey } from "./survey.ts";
import { readTarGz } from "./tar-gz.ts";
import { ARCHIVE_LIMITS, damaged, Unpacking, type ArchiveLimits } from "./unpacking.ts";
import { readZip } from "./zip.ts";

export interface Unpacked {
  /** The folder that is the artifact: where the archive holds a single folder and nothing else, that one. */
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
}

/**
 * Unpacks an archive into a new folder. Nothing outside it is written; links, devices, names that lead out or collide
 * on some system, kinds of entries that are not understood, and bombs are refused with ARCHIVE_UNSAFE, what cannot be read
 * with ARCHIVE_DAMAGED: it is unpacked whole or not at all. Rejects with what it will when the signal aborts.
 */
export async function unpack(
  archive: string,
  folder: string,
  limits: ArchiveLimits = ARCHIVE_LIMITS,
  signal: AbortSignal = new AbortController().signal,
): Promise<Unpacked> {
  await mkdir(folder);
  const { size } = await stat(archive);
  const unpacking = new Unpacking(folder, size, limits, signal);
  try {
    const read = /\.(tgz|tar\.gz)$/i.test(archive) ? readTarGz : readZip;
    const survey = new Survey(size, limits);
    await read(archive, survey, signal);
    survey.end();
    await read(archive, unpacking, signal);
  } catch (error) {
    throw asArchiveError(error, folder);
  }
  return { folder: await withoutSingleFolder(folder), files: unpacking.files, bytes: unpacking.bytes };
}

// System errors are of the disk, not of the archive; they may not come again.
function asArchiveError(error: unknown, folder: string): unknown {
  if (error instanceof InplaceError) return error;
  const code = systemCode(error);
  if (code !== undefined && /^E[A-Z]+$/.test(code)) return asSiteError(error, folder);
  return damaged(error instanceof Error ? error.message : String(error), error);
}

/** npm pack, git archive and GitHub put everything into one folder. */
async function withoutSingleFolder(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const [only] = entries;
  return entries.length === 1 && only?.isDirectory() ? join(folder, only.name) : folder;
}
