import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

export interface StdoutLogOptions {
  /** Absolute; what follows is `_YYYYMMDDhhmmss_PID.log` in UTC, as the module names its files. */
  readonly path: string;
  /** A file that has grown beyond this is followed by another one, bytes. The module never rotates. */
  readonly maxBytes: number;
  /** So many files are kept, the newest. */
  readonly maxFiles: number;
  /** The log cannot be written any more; said once. */
  readonly failed: (error: Error) => void;
}

export const STDOUT_LOG_MAX_BYTES = 10 * 1024 * 1024;
export const STDOUT_LOG_MAX_FILES = 10;

/** What one process writes to stdout and stderr, in files. A log that cannot be written never stops the process. */
export class StdoutLog {
  readonly #options: StdoutLogOptions;
  readonly #stem: string;
  #stream: WriteStream;
  #bytes = 0;
  #part = 0;
  #broken = false;

  constructor(options: StdoutLogOptions, now: Date = new Date()) {
    this.#options = options;
    this.#stem = `${options.path}_${now.toISOString().replace(/\D/g, "").slice(0, 14)}_${process.pid}`;
    this.#stream = this.#open();
  }

  write(chunk: Buffer): void {
    if (this.#broken) return;
    if (this.#bytes > 0 && this.#bytes + chunk.length > this.#options.maxBytes) this.#rotate();
    this.#bytes += chunk.length;
    this.#stream.write(chunk);
  }

  close(): void {
    this.#stream.end();
  }

  #rotate(): void {
    this.#stream.end();
    this.#part += 1;
    this.#bytes = 0;
    this.#stream = this.#open();
  }

  #open(): WriteStream {
    const path = `${this.#stem}${this.#part === 0 ? "" : `.${this.#part}`}.log`;
    const fail = (error: Error): void => {
      if (!this.#broken) this.#options.failed(error);
      this.#broken = true;
    };
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      fail(error as Error);
    }
    const stream = createWriteStream(path, { flags: "a" });
    stream.on("error", fail);
    stream.once("open", () => void removeOldest(this.#options).catch(fail));
    return stream;
  }
}

async function removeOldest({ path, maxFiles }: StdoutLogOptions): Promise<void> {
  const folder = dirname(path);
  const prefix = `${basename(path)}_`;
  const ours = (await readdir(folder)).filter(
    (name) => name.startsWith(prefix) && /^\d{14}_\d+(\.\d+)?\.log$/.test(name.slice(prefix.length)),
  );
  const parts = (name: string): number[] => name.slice(prefix.length).split(/\D+/).map(Number);
  // The time orders them, then the part; names alone would put part 10 before part 2.
  ours.sort((a, b) => compare(parts(b), parts(a)));
  for (const name of ours.slice(maxFiles)) await rm(join(folder, name), { force: true });
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, number] of a.entries()) {
    const other = b[index] ?? 0;
    if (number !== other) return number - other;
  }
  return a.length - b.length;
}
