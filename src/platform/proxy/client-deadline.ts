import type { Socket } from "node:net";
import { bytesTaken } from "../../listener/node-internals.ts";
import { CLIENT_LIMITS } from "./client-options.ts";
import { Pace } from "./pace.ts";
import { enableKeepAlive } from "./tcp-keep-alive.ts";

/** When a client's connection is ended, unless what is due comes first. */
export class ClientDeadline {
  /** Of a request's body. */
  readonly body: Pace;
  readonly #socket: Socket;
  /** Of the client's reading of what was written. */
  readonly #reader: Pace;
  #due = Number.POSITIVE_INFINITY;
  #keepsAlive = false;
  #lingersUntil: number | undefined;

  /** `limitMs` and `minRate` as for Pace. */
  constructor(socket: Socket, limitMs: number, minRate: number) {
    this.#socket = socket;
    this.body = new Pace(limitMs, minRate);
    this.#reader = new Pace(limitMs, minRate);
  }

  /** Gives whether it has passed. Where nothing is due soon, the system looks for a client that vanished without a word. */
  sweep(now: number): boolean {
    if (this.#reader.running) this.#reader.reached(bytesTaken(this.#socket));
    const at = Math.min(this.#due, this.body.until, this.#reader.until);
    if (!this.#keepsAlive && at - now > CLIENT_LIMITS.idleMs) {
      this.#keepsAlive = true;
      enableKeepAlive(this.#socket);
    }
    return at <= now;
  }

  /** It is the client that has not read in time. */
  get unread(): boolean {
    return this.#reader.until <= Date.now();
  }

  /** Something that is no matter of pace is due; Infinity: nothing is. */
  within(ms: number): void {
    this.#due = ms === Number.POSITIVE_INFINITY ? ms : Date.now() + ms;
  }

  /** The client has to read, where anything is left to be. */
  readerBegins(): void {
    if (!this.#reader.running && this.#socket.writableLength > 0)
      this.#reader.begin(bytesTaken(this.#socket));
  }

  /** All is written: what the client still sends is thrown away, while it comes, for some time. */
  linger(): void {
    this.readerDone();
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
