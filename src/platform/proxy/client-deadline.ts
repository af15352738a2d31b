import type { Socket } from "node:net";
import { bytesTaken } from "../../listener/node-internals.ts";
import { CLIENT_LIMITS } from "./client-options.ts";
import { Pace } from "./pace.ts";

/** When a client's connection is ended, unless what is due comes first. */
export class ClientDeadline {
  /** Of a request's body. */
  readonly body: Pace;
  readonly #socket: Socket;
  /** Of the client's reading of what was written. */
  readonly #reader: Pace;
  #due = Number.POSITIVE_INFINITY;
  #lingersUntil: number | undefined;

  /** `limitMs` and `minRate` as for Pace. */
  constructor(socket: Socket, limitMs: number, minRate: number) {
    this.#socket = socket;
    this.body = new Pace(limitMs, minRate);
    this.#reader = new Pace(limitMs, minRate);
  }

  /** Milliseconds since the epoch; Infinity: nothing is due. */
  get at(): number {
    if (this.#reader.running) this.#reader.reached(bytesTaken(this.#socket));
    return Math.min(this.#due, this.body.until, this.#reader.until);
  }

  /** It is the client that has not read in time. */
  get unread(): boolean {
    return this.#reader.until <= Date.now();
  }

  /** Something that is no matter of pace is due; Infinity: nothing is. */
  within(ms: number): void {
    this.#due = Date.now() + ms;
  }

  /** The client has to read. */
  readerBegins(): void {
    if (!this.#reader.running) this.#reader.begin(bytesTaken(this.#socket));
  }

  /** All is written: what the client still sends is thrown away, while it comes, for some time. */
  linger(): void {
    this.#lingersUntil ??= Date.now() + CLIENT_LIMITS.longestLingerMs;
    this.#due = Math.min(Date.now() + CLIENT_LIMITS.lingerMs, this.#lingersUntil);
  }

  /** It has sent something. */
  lingersOn(): void {
    if (this.#lingersUntil !== undefined) this.linger();
  }

  readerDone(): void {
    this.#reader.end();
  }
}
