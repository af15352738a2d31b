import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import { InplaceError } from "../../errors.ts";
import { entryParts, foldedPath, unsafe } from "./entry-path.ts";

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

// What the Finder adds to zip files beside the content.
const IGNORED = /^(__MACOSX\/|(.*\/)?\.DS_Store$)/;

type Kind = "file" | "folder";

/** A new folder that an archive's entries are written into, each after it was found harmless. */
export class Unpacking {
  readonly #folder: string;
  readonly #archiveBytes: number;
  readonly #limits: ArchiveLimits;
  readonly #taken = new Map<string, { readonly name: string; readonly kind: Kind }>();
  #entries = 0;
  #bytes = 0;

  /** folder: absolute, empty, and nobody else's. */
  constructor(folder: string, archiveBytes: number, limits: ArchiveLimits) {
    this.#folder = folder;
    this.#archiveBytes = archiveBytes;
    this.#limits = limits;
  }

  get files(): number {
    return [...this.#taken.values()].filter(({ kind }) => kind === "file").length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async folder(path: string): Promise<void> {
    this.#count();
    const parts = path === "./" || path === "." ? [] : entryParts(path);
    this.#claim(path, parts, "folder");
    await mkdir(join(this.#folder, ...parts), { recursive: true });
  }

  /** crc: of the content as the archive states it. Reads the content to its end, or not at all for what is ignored. */
  async file(
    path: string,
    content: () => Promise<AsyncIterable<Uint8Array>>,
    options: { readonly executable: boolean; readonly crc?: number },
  ): Promise<void> {
    this.#count();
    if (IGNORED.test(path)) return;
    const parts = entryParts(path);
    this.#claim(path, parts, "file");
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
    await pipeline(counted(await content()), createWriteStream(file, { flags: "wx", mode }));
    if (options.crc !== undefined && crc !== options.crc) throw damaged(`${path} has another checksum`);
  }

  #count(): void {
    if (++this.#entries > this.#limits.entries) {
      throw new InplaceError("ARCHIVE_UNSAFE", `The archive has more than ${this.#limits.entries} entries.`);
    }
  }

  /** A path may come once as a file and in one letter case only, and every folder above it is no file. */
  #claim(path: string, parts: readonly string[], kind: Kind): void {
    for (let length = 1; length < parts.length; length++) {
      if (this.#take(path, parts.slice(0, length), "folder") === "file")
        throw unsafe(path, "lies inside a file");
    }
    const before = this.#take(path, parts, kind);
    if (before !== undefined && (kind === "file" || before === "file")) throw unsafe(path, "is there twice");
  }

  #take(path: string, parts: readonly string[], kind: Kind): Kind | undefined {
    const name = parts.join("/");
    if (name === "") return undefined;
    const folded = foldedPath(name);
    const before = this.#taken.get(folded);
    if (before === undefined) this.#taken.set(folded, { name, kind });
    else if (before.name !== name)
      throw unsafe(path, `is ${before.name} on Windows, where case makes no difference`);
    return before?.kind;
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    const { bytes: most, ratio, ratioFromBytes } = this.#limits;
    const inflated = this.#bytes > ratioFromBytes && this.#bytes > this.#archiveBytes * ratio;
    if (this.#bytes > most || inflated) {
      throw new InplaceError("ARCHIVE_UNSAFE", `The archive unpacks to more than ${this.#bytes} bytes.`);
    }
  }
}

export function damaged(why: string, cause?: unknown): InplaceError {
  return new InplaceError("ARCHIVE_DAMAGED", `The archive is damaged: ${why}.`, { cause });
}
