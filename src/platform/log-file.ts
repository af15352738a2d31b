import { open, type FileHandle } from "node:fs/promises";

/** What waits for a slow disk; entries beyond it are dropped, since requests must not wait for their log. */
export const MAX_PENDING_BYTES = 8 * 1024 * 1024;

export interface LogFileOptions {
  /** A file that an entry would take beyond this is followed by another one. */
  readonly maxBytes: number;
  /** Makes room for another file and gives its path; called before the first entry, too. */
  readonly next: () => Promise<string>;
  /** Stands at the head of each file. */
  readonly head?: () => string;
  /** So many entries were dropped. */
  readonly dropped: (entries: number) => void;
  /** It cannot be written any more; said once. */
  readonly failed: (error: Error) => void;
}

/** Entries in files of limited size, in order and whole. Writing never waits and never throws. */
export class LogFile {
  readonly #options: LogFileOptions;
  #file: FileHandle | undefined;
  /** In the file. */
  #bytes = 0;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #over = false;

  constructor(options: LogFileOptions) {
    this.#options = options;
  }

  write(entry: string | Buffer): void {
    if (this.#over) return;
    if (this.#pendingBytes >= MAX_PENDING_BYTES) {
      this.#dropped += 1;
      return;
    }
    const bytes = typeof entry === "string" ? Buffer.from(entry) : entry;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#writing ??= this.#drain();
  }

  /** Resolves when everything is in the file. */
  async close(): Promise<void> {
    this.#over = true;
    await this.#writing;
    await this.#file?.close().catch(() => undefined); // It is written, or has failed before.
    this.#file = undefined;
  }

  async #drain(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const entries = this.#pending;
        this.#pending = [];
        this.#pendingBytes = 0;
        await this.#append(entries);
        if (this.#dropped > 0) this.#options.dropped(this.#dropped);
        this.#dropped = 0;
      }
    } catch (error) {
      this.#over = true;
      this.#options.failed(error as Error);
    }
    this.#writing = undefined;
  }

  async #append(entries: readonly Buffer[]): Promise<void> {
    const { maxBytes } = this.#options;
    let part: Buffer[] = [];
    let bytes = this.#bytes;
    for (const entry of entries) {
      if (this.#file === undefined || (bytes > 0 && bytes + entry.length > maxBytes)) {
        await this.#file?.appendFile(Buffer.concat(part));
        part = [];
        await this.#roll();
        bytes = this.#bytes;
      }
      part.push(entry);
      bytes += entry.length;
    }
    await this.#file?.appendFile(Buffer.concat(part));
    this.#bytes = bytes;
  }

  async #roll(): Promise<void> {
    const { next, head, maxBytes } = this.#options;
    await this.#file?.close();
    this.#file = undefined;
    this.#file = await open(await next(), "a");
    if (head !== undefined) await this.#file.appendFile(head());
    const { size } = await this.#file.stat();
    // Still full, because the old one could not be moved away: the next try comes after as much again.
    this.#bytes = size < maxBytes ? size : 0;
  }
}
