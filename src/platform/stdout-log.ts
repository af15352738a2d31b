import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { LogFile, type LogFileOptions } from "./log-file.ts";

export interface StdoutLogOptions extends Pick<LogFileOptions, "dropped" | "failed" | "maxBytes"> {
  /** Absolute; what follows is `_YYYYMMDDhhmmss_PID.log` in UTC, as the module names its files. */
  readonly path: string;
  /** So many files are kept, the newest. */
  readonly maxFiles: number;
}

/** The module never begins another file. */
export const STDOUT_LOG_MAX_BYTES = 10 * 1024 * 1024;
export const STDOUT_LOG_MAX_FILES = 10;

/** What one process writes to stdout and stderr, in files. A log that cannot be written never stops the process. */
export class StdoutLog {
  readonly #options: StdoutLogOptions;
  readonly #stem: string;
  readonly #file: LogFile;
  #part = 0;

  constructor(options: StdoutLogOptions, now: Date = new Date()) {
    this.#options = options;
    this.#stem = `${options.path}_${now.toISOString().replace(/\D/g, "").slice(0, 14)}_${process.pid}`;
    this.#file = new LogFile({ ...options, next: () => this.#next() });
  }

  write(chunk: Buffer): void {
    this.#file.write(chunk);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #next(): Promise<string> {
    const path = `${this.#stem}${this.#part === 0 ? "" : `.${this.#part}`}.log`;
    this.#part += 1;
    await mkdir(dirname(path), { recursive: true });
    await removeOldest(this.#options);
    return path;
  }
}

/** Makes room for one more. */
async function removeOldest({ path, maxFiles }: StdoutLogOptions): Promise<void> {
  const folder = dirname(path);
  const prefix = `${basename(path)}_`;
  const ours = (await readdir(folder)).filter(
    (name) => name.startsWith(prefix) && /^\d{14}_\d+(\.\d+)?\.log$/.test(name.slice(prefix.length)),
  );
  const parts = (name: string): number[] => name.slice(prefix.length).split(/\D+/).map(Number);
  // The time orders them, then the part; names alone would put part 10 before part 2.
  ours.sort((a, b) => compare(parts(b), parts(a)));
  for (const name of ours.slice(maxFiles - 1)) {
    // Windows does not remove what another process of the application still writes.
    await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, number] of a.entries()) {
    const other = b[index] ?? 0;
    if (number !== other) return number - other;
  }
  return a.length - b.length;
}
