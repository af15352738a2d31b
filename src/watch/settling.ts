import { performance } from "node:perf_hooks";
import { outlineOf, type Outline } from "./fingerprint.ts";
import { isBeingWritten } from "./writers.ts";

export type Settled =
  | ({ readonly state: "whole" } & Outline)
  /** Look again in so many milliseconds. */
  | {
      readonly state: "settling";
      readonly reason: "still-changing" | "open-for-writing";
      readonly againMs: number;
    };

/** While a program holds a still file open, it is looked for again this often, milliseconds. */
const WRITER_LOOK_MS = 250;

/** Tells when artifacts have come to rest: unchanged for stillMs and open for writing nowhere. */
export class Settling {
  readonly #stillMs: number;
  readonly #seen = new Map<string, { readonly print: string; readonly since: number }>();

  constructor(stillMs: number) {
    this.#stillMs = stillMs;
  }

  /**
   * Throws what the file system throws: the artifact is gone or unreadable.
   * running: it runs already, so that who writes it is no matter; a running .exe looks as if held by a writer.
   */
  async look(path: string, running = false): Promise<Settled> {
    const { print, bytes } = await outlineOf(path);
    const now = performance.now();
    const before = this.#seen.get(path);
    const since = before?.print === print ? before.since : now;
    this.#seen.set(path, { print, since });
    const restMs = since + this.#stillMs - now;
    if (restMs > 0) return { state: "settling", reason: "still-changing", againMs: Math.ceil(restMs) };
    if (!running && (await isBeingWritten(path))) {
      return { state: "settling", reason: "open-for-writing", againMs: WRITER_LOOK_MS };
    }
    return { state: "whole", print, bytes };
  }
}
