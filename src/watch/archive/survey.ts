import { EntryCheck } from "./entry-check.ts";
import { damaged, refuseBomb, type ArchiveLimits, type EntryTaker, type FileOptions } from "./unpacking.ts";

/** Looks at the entries and writes nothing: most of what is to be refused is refused before the disk has any work. */
export class Survey implements EntryTaker {
  readonly entriesAllowed: number;
  readonly #check: EntryCheck;
  readonly #archiveBytes: number;
  readonly #limits: ArchiveLimits;
  #bytes = 0;

  constructor(archiveBytes: number, limits: ArchiveLimits) {
    this.entriesAllowed = limits.entries;
    this.#check = new EntryCheck(limits.entries);
    this.#archiveBytes = archiveBytes;
    this.#limits = limits;
  }

  async folder(path: string): Promise<void> {
    this.#check.take(path, "folder");
  }

  async file(path: string, _content: unknown, { size = 0 }: FileOptions): Promise<void> {
    this.#check.take(path, "file");
    this.#bytes += size;
    refuseBomb(this.#bytes, this.#archiveBytes, this.#limits);
  }

  /** Throws ARCHIVE_DAMAGED for an archive without a file. */
  end(): void {
    if (this.#check.files === 0) throw damaged("it holds no file");
  }
}
