import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import { InplaceError } from "../../errors.ts";
import { EntryCheck } from "./entry-check.ts";

export interface ArchiveLimits {
  readonly entries: number;
  readonly bytes: number;
  /** Bytes written per byte of the archive; looked at above ratioFromBytes. */
  readonly ratio: number;
  readonly ratioFromBytes: number;
}

/** Far above what sites are made of, far below what fills a disk. */
export const ARCHIVE_LIMITS: ArchiveLimits = {
  entries: 200_000,
  bytes: 4 * 1024 ** 3,
  ratio: 200,
  ratioFromBytes: 64 * 1024 ** 2,
};

export interface FileOptions {
  readonly executable: boolean;
  /** Of the content as the archive states it. */
  readonly crc?: number;
  /** Of the content, where the archive states it before it. */
  readonly size?: number;
}

/** Who is given the entries of an archive, one after the other. Rejects with ARCHIVE_UNSAFE for one that may not be. */
export interface EntryTaker {
  /** More are not read. */
  readonly entriesAllowed: number;
  folder(path: string): Promise<void>;
  /** Reads the content to its end, or not at all. */
  file(path: string, content: () => Promise<AsyncIterable<Uint8Array>>, options: FileOptions): Promise<void>;
}

/** A new folder that an archive's entries are written into, each after it was found harmless. */
export class Unpacking implements EntryTaker {
  readonly #folder: string;
  readonly #archiveBytes: number;
  readonly #limits: ArchiveLimits;
  readonly #signal: AbortSignal;
  readonly #check: EntryCheck;
  #bytes = 0;

  /** folder: absolute, empty, and nobody else's. */
  constructor(folder: string, archiveBytes: number, limits: ArchiveLimits, signal: AbortSignal) {
    this.#folder = folder;
    this.#archiveBytes = archiveBytes;
    this.#limits = limits;
    this.#signal = signal;
    this.#check = new EntryCheck(limits.entries);
  }

  get entriesAllowed(): number {
    return this.#limits.entries;
  }

  get files(): number {
    return this.#check.files;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async folder(path: string): Promise<void> {
    const parts = this.#check.take(path, "folder") ?? [];
    await mkdir(join(this.#folder, ...parts), { recursive: true });
  }

  async file(
    path: string,
    content: () => Promise<AsyncIterable<Uint8Array>>,
    options: FileOptions,
  ): Promise<void> {
    const parts = this.#check.take(path, "file");
    if (parts === undefined) return;
    const file = join(this.#folder, ...parts);
    await mkdir(join(file, ".."), { recursive: true });
    let crc = 0;
    const counted = async function* (this: Unpacking, source: AsyncIterable<Uint8Array>) {
      for await (const chunk of source) {
        this.#grow(chunk.length);
        if (options.crc !== undefined) crc = crc32(chunk, crc);
        yield chunk;
      }
    }.bind(this);
    const mode = options.executable ? 0o755 : 0o644;
    await pipeline(counted(await content()), createWriteStream(file, { flags: "wx", mode }), {
      signal: this.#signal,
    });
    if (options.crc !== undefined && crc !== options.crc) throw damaged(`${path} has another checksum`);
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    refuseBomb(this.#bytes, this.#archiveBytes, this.#limits);
  }
}

/** Throws ARCHIVE_UNSAFE where so many bytes are too many for an archive of that size. */
export function refuseBomb(
  bytes: number,
  archiveBytes: number,
  { bytes: most, ratio, ratioFromBytes }: ArchiveLimits,
): void {
  const inflated = bytes > ratioFromBytes && bytes > archiveBytes * ratio;
  if (bytes > most || inflated) {
    throw new InplaceError("ARCHIVE_UNSAFE", `The archive unpacks to more than ${bytes} bytes.`);
  }
}

export function damaged(why: string, cause?: unknown): InplaceError {
  return new InplaceError("ARCHIVE_DAMAGED", `The archive is damaged: ${why.replace(/\.$/, "")}.`, { cause });
}
