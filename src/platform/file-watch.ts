import { stat } from "node:fs/promises";

/** The module looks for app_offline.htm every 200 ms; events of the file system would be lost on network shares. */
export const FILE_WATCH_MS = 200;

/** Looks at a few files again and again, and says when one of them changes, appears or goes. */
export class FileWatch {
  readonly #paths: readonly string[];
  readonly #changed: (path: string) => Promise<void>;
  readonly #seen = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(paths: readonly string[], changed: (path: string) => Promise<void>) {
    this.#paths = paths;
    this.#changed = changed;
  }

  /** `changed` is called for one file at a time; the next look follows when it has ended. It must not reject. */
  static async start(paths: readonly string[], changed: (path: string) => Promise<void>): Promise<FileWatch> {
    const watch = new FileWatch(paths, changed);
    for (const path of paths) watch.#seen.set(path, await fingerprint(path));
    watch.#arm();
    return watch;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    if (!this.#closed) this.#timer = setTimeout(() => void this.#look(), FILE_WATCH_MS);
  }

  async #look(): Promise<void> {
    for (const path of this.#paths) {
      const now = await fingerprint(path);
      if (this.#closed || now === this.#seen.get(path)) continue;
      this.#seen.set(path, now);
      await this.#changed(path);
    }
    this.#arm();
  }
}

/** "" where there is no such file. A file that another program has locked can still be asked for its size and time. */
async function fingerprint(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return "";
  }
}
