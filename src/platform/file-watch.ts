import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** The module looks for app_offline.htm every 200 ms; events of the file system would be lost on network shares. */
export const FILE_WATCH_MS = 200;
/** FAT's, the slowest. */
const CLOCK_TICK_MS = 2_000;

/**
 * Looks at a few files again and again, and says when one of them changes, appears or goes. It lives as long as its
 * site: no change can fall between two watches.
 */
export class FileWatch {
  readonly #lasting: readonly string[];
  readonly #seen = new Map<string, string>();
  readonly #folders = new Map<string, Names>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(lasting: readonly string[]) {
    this.#lasting = lasting;
  }

  /** Sees the files as they are now: what changes from here on is told, though only after `begin`. */
  static async of(paths: readonly string[]): Promise<FileWatch> {
    const watch = new FileWatch(paths);
    await watch.also([]);
    return watch;
  }

  /** These files too, in place of those of an earlier call. */
  async also(paths: readonly string[]): Promise<void> {
    const wanted = new Set([...this.#lasting, ...paths]);
    for (const path of this.#seen.keys()) if (!wanted.has(path)) this.#seen.delete(path);
    for (const path of wanted) if (!this.#seen.has(path)) this.#seen.set(path, await this.#stampOf(path));
  }

  /** `changed` is called for one file at a time; the next look follows when it has ended. It must not reject. */
  begin(changed: (path: string) => Promise<void>): void {
    if (!this.#closed) this.#timer = setTimeout(() => void this.#look(changed), FILE_WATCH_MS);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #look(changed: (path: string) => Promise<void>): Promise<void> {
    for (const path of this.#seen.keys()) {
      const now = await this.#stampOf(path);
      if (this.#closed) return;
      if (now === this.#seen.get(path)) continue;
      // Before the call: what changes while the file is being read is told at the next look.
      this.#seen.set(path, now);
      await changed(path);
    }
    this.begin(changed);
  }

  /** "" where there is no such file, in whatever case. */
  async #stampOf(path: string): Promise<string> {
    const stamp = await fingerprint(path);
    if (stamp !== "" || process.platform === "win32") return stamp;
    const names = await this.#namesIn(dirname(path));
    const other = names.get(basename(path).toLowerCase());
    return other === undefined ? "" : await fingerprint(join(dirname(path), other));
  }

  /** Read again only when the folder has changed: it may hold thousands of files, and is looked at five times a second. */
  async #namesIn(folder: string): Promise<Names["names"]> {
    const { mtimeMs = 0 } = (await stat(folder).catch(() => undefined)) ?? {};
    const known = this.#folders.get(folder);
    if (known?.mtimeMs === mtimeMs) return known.names;
    const names = new Map((await readdir(folder).catch(() => [])).map((name) => [name.toLowerCase(), name]));
    // Within the tick of a clock there may be a second change.
    if (Date.now() - mtimeMs > CLOCK_TICK_MS) this.#folders.set(folder, { mtimeMs, names });
    return names;
  }
}

/** Of the files in a folder, by their names in lower case. */
interface Names {
  readonly mtimeMs: number;
  readonly names: ReadonlyMap<string, string>;
}

/** A file that is being written is locked, or read half: what is wrong with it has to be wrong twice, unless it is `certain`. */
export async function settled<T>(
  read: () => Promise<T>,
  certain: (error: unknown) => boolean = () => false,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (certain(error)) throw error;
    await delay(FILE_WATCH_MS);
    return await read();
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
