import { performance } from "node:perf_hooks";
import { outlineOf, type Outline } from "./fingerprint.ts";
import { isBeingWritten } from "./writers.ts";

export interface Unsettled {
  readonly state: "settling";
  readonly reason: "still-changing" | "open-for-writing";
  /** Look again in so many milliseconds. */
  readonly againMs: number;
  /** Names the time for which it has been changing: another one when it has been whole meanwhile. */
  readonly begun: string;
  /** It has been changing for longer than what is copied at once does. */
  readonly long: boolean;
}

export type Settled = ({ readonly state: "whole" } & Outline) | Unsettled;

interface Seen {
  readonly print: string;
  /** When it was first seen as it is. */
  readonly since: number;
  /** When it was first seen not to be whole; undefined once it is. */
  readonly begunAt: number | undefined;
}

/** While a program holds a still file open, it is looked for again this often, milliseconds. */
const WRITER_LOOK_MS = 250;
/** What is copied at once is still after stillMs; what takes so many times that is long about it. */
const LONG = 2;

/** Tells when artifacts have come to rest: unchanged for stillMs and open for writing nowhere. */
export class Settling {
  readonly #stillMs: number;
  readonly #seen = new Map<string, Seen>();

  constructor(stillMs: number) {
    this.#stillMs = stillMs;
  }

  /**
   * Throws what the file system throws: the artifact is gone or unreadable.
   * running: it runs already, so that who writes it is no matter; a running .exe looks as if held by a writer.
   */
  async look(path: string, running = false): Promise<Settled> {
    const { print, bytes } = await outlineOf(path).catch((error: unknown) => {
      this.#seen.delete(path);
      throw error;
    });
    const now = performance.now();
    const before = this.#seen.get(path);
    const since = before?.print === print ? before.since : now;
    const begunAt = before?.begunAt ?? now;
    const unsettled = (reason: Unsettled["reason"], againMs: number): Unsettled => {
      this.#seen.set(path, { print, since, begunAt });
      const long = now - begunAt >= LONG * this.#stillMs;
      return { state: "settling", reason, againMs, begun: String(begunAt), long };
    };
    const restMs = since + this.#stillMs - now;
    if (restMs > 0) return unsettled("still-changing", Math.ceil(restMs));
    if (!running && (await isBeingWritten(path))) return unsettled("open-for-writing", WRITER_LOOK_MS);
    this.#seen.set(path, { print, since, begunAt: undefined });
    return { state: "whole", print, bytes };
  }
}
