/** As much of a request's body is kept so that the request can be sent again. */
export const REPLAY_BYTES = 64 * 1024;

/** The part of a request's body that has gone out, until it is certain that it need not go out again. */
export class Replay {
  /** Everything so far can be sent again. */
  possible = true;
  #parts: Buffer[] = [];
  #bytes = 0;

  get parts(): readonly Buffer[] {
    return this.#parts;
  }

  /** More would be too much. */
  get full(): boolean {
    return this.#bytes >= REPLAY_BYTES;
  }

  /** Gives up where it becomes too much, unless nothing has gone out yet (`waiting`). */
  keep(part: Buffer, waiting: boolean): void {
    if (!this.possible) return;
    this.#parts.push(part);
    this.#bytes += part.length;
    if (!waiting && this.#bytes > REPLAY_BYTES) this.forget();
  }

  forget(): void {
    this.possible = false;
    if (this.#parts.length > 0) this.#parts = [];
  }
}
