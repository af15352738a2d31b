/** What is enforced where nothing else is said, bytes a second: the default of http.sys (minBytesPerSecond) and of Kestrel. */
export const MIN_RATE = 240;

/**
 * How long a peer may take over what it is due to send or to read: `limitMs` without a byte, and no more than `limitMs`
 * behind the least rate. So a pause is forgiven, and a drip is not. Times are milliseconds since the epoch.
 */
export class Pace {
  /** When it has taken too long; Infinity: nothing is due. */
  until = Number.POSITIVE_INFINITY;
  readonly #limitMs: number;
  /** 0: there is no least rate. */
  readonly #msPerByte: number;
  #total = 0;
  #leftMs: number | undefined;

  constructor(limitMs: number, bytesPerSecond: number) {
    this.#limitMs = limitMs;
    this.#msPerByte = bytesPerSecond === 0 ? 0 : 1000 / bytesPerSecond;
  }

  get running(): boolean {
    return this.until !== Number.POSITIVE_INFINITY;
  }

  /** From now on bytes are due; so many have come already. */
  begin(total: number): void {
    this.#total = total;
    this.#leftMs = undefined;
    this.until = Date.now() + this.#limitMs;
  }

  /** So many have come in all. */
  reached(total: number): void {
    const bytes = total - this.#total;
    if (bytes <= 0 || !this.running) return;
    this.#total = total;
    const latest = Date.now() + this.#limitMs;
    this.until = this.#msPerByte === 0 ? latest : Math.min(latest, this.until + bytes * this.#msPerByte);
  }

  /** It is not the peer's turn. */
  hold(): void {
    if (this.running) this.#leftMs = this.until - Date.now();
    this.until = Number.POSITIVE_INFINITY;
  }

  /** It is again. */
  goOn(): void {
    if (this.#leftMs !== undefined) this.until = Date.now() + this.#leftMs;
    this.#leftMs = undefined;
  }

  end(): void {
    this.#leftMs = undefined;
    this.until = Number.POSITIVE_INFINITY;
  }
}
