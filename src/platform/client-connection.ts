import type { Socket } from "node:net";
import type { ExchangeClient, ExchangeRecord } from "./exchange-client.ts";
import { Exchange, type Router } from "./exchange.ts";
import { DEFECT, failureResponse, type Failure } from "./failure.ts";
import { BodyScanner } from "./http1/body.ts";
import { forwardedHead, type ClientFacts } from "./http1/forwarded.ts";
import { readHead } from "./http1/head-reader.ts";
import type { RequestHead } from "./http1/request-head.ts";
import { guardedBy } from "./proxy/boundary.ts";

/** Time limits towards clients, milliseconds. The first two are IIS's headerWaitTimeout and connectionTimeout. */
export const CLIENT_LIMITS = {
  /** From the first byte of a request head to its last. */
  headMs: 15_000,
  /** Between two requests, between two parts of a body, and for a client that does not read. */
  idleMs: 120_000,
  /** For a client that goes on sending behind a response that closes. */
  lingerMs: 2_000,
} as const;

/** As much of what comes behind a complete request is read ahead. */
const READ_AHEAD_BYTES = 64 * 1024;

export interface ClientOptions {
  readonly router: Router;
  readonly facts: ClientFacts;
  /** The client is on this machine. */
  readonly local: boolean;
  /** Bytes of a request's body, as on the wire. */
  readonly maxBodyBytes: number;
  /** Tells what a boundary has caught. */
  readonly defect: (error: unknown) => void;
  /** For the access log. */
  readonly ended: ((record: ExchangeRecord, cut: boolean, client: ClientFacts) => void) | undefined;
}

type State =
  | { readonly kind: "head"; readonly seen: Buffer | undefined }
  | { readonly kind: "body"; readonly exchange: Exchange; readonly scanner: BodyScanner }
  /** The request is complete; bytes behind it wait for their turn. */
  | { readonly kind: "busy"; readonly exchange: Exchange; ahead: Buffer | undefined }
  | { readonly kind: "spliced"; readonly exchange: Exchange }
  /** Everything is answered; what the client still sends is thrown away. */
  | { readonly kind: "lingering" }
  | { readonly kind: "closed" };

const IDLE: State = { kind: "head", seen: undefined };
const LINGERING: State = { kind: "lingering" };
const CLOSED: State = { kind: "closed" };

/** One client connection that speaks HTTP/1.x: head → body → busy → head …; or → spliced; → lingering → closed. */
export class ClientConnection implements ExchangeClient {
  /** When the sweep ends it, milliseconds since the epoch. */
  deadline = Date.now() + CLIENT_LIMITS.headMs;
  closing = false;
  readonly #socket: Socket;
  readonly #options: ClientOptions;
  #bodyBytes = 0;
  /** The client does not read what was written. */
  #clogged = false;
  #state: State = IDLE;

  constructor(socket: Socket, options: ClientOptions) {
    this.#socket = socket;
    this.#options = options;
    socket
      .on(
        "data",
        guardedBy(this, (chunk: Buffer) => this.#receive(chunk)),
      )
      .on(
        "drain",
        guardedBy(this, () => this.#drained()),
      )
      // A client that closes its side has gone; IIS and nginx see it the same way.
      .on(
        "end",
        guardedBy(this, () => this.#gone()),
      )
      .on("error", () => undefined) // "close" follows and says the same.
      .on(
        "close",
        guardedBy(this, () => this.#gone()),
      );
  }

  /** No further request: an idle connection closes now, another one with its response. */
  close(): void {
    this.closing = true;
    if (this.#state.kind === "head" && this.#state.seen === undefined) this.end();
  }

  /** Nothing is due to it: stopping need not wait. */
  get upgraded(): boolean {
    return this.#state.kind === "spliced";
  }

  /** The deadline has passed. */
  expire(): void {
    const state = this.#state;
    if (state.kind === "head" && state.seen !== undefined) {
      this.#refuse({ status: 408, substatus: 0, reason: "The request took too long to arrive." });
    } else if (state.kind === "head") {
      this.end();
    } else if (state.kind === "busy" && !this.#clogged) {
      state.exchange.expired();
    } else {
      this.cut();
    }
  }

  write(bytes: string | Buffer): boolean {
    const socket = this.#socket;
    const flowing = typeof bytes === "string" ? socket.write(bytes, "latin1") : socket.write(bytes);
    this.#clogged = !flowing;
    if (!flowing) this.deadline = Date.now() + CLIENT_LIMITS.idleMs;
    return flowing;
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  expect(withinMs: number): void {
    this.deadline = Date.now() + withinMs;
  }

  fail(failure: Failure, head: RequestHead): number {
    const whole = this.#state.kind === "busy";
    const keepAlive = whole && head.keepAlive && !this.closing;
    const bytes = this.#respond(failure, keepAlive, head.method === "HEAD");
    this.exchangeOver(keepAlive);
    return bytes;
  }

  ended(record: ExchangeRecord, cut: boolean): void {
    this.#options.ended?.(record, cut, this.#options.facts);
  }

  exchangeOver(keepAlive: boolean): void {
    const state = this.#state;
    if (state.kind === "closed") return;
    if (!keepAlive || state.kind !== "busy") {
      this.#linger();
      return;
    }
    this.#state = IDLE;
    this.deadline = Date.now() + CLIENT_LIMITS.idleMs;
    this.#socket.resume();
    if (state.ahead !== undefined) this.#readHead(state.ahead);
  }

  splice(): void {
    if (this.#state.kind !== "busy") return;
    const { exchange, ahead } = this.#state;
    this.#state = { kind: "spliced", exchange };
    this.#socket.resume();
    if (ahead !== undefined) exchange.body(ahead);
  }

  end(): void {
    this.#linger();
  }

  broken(error: unknown): void {
    this.#options.defect(error);
    this.closing = true;
    this.#exchange()?.fail(DEFECT);
    if (this.#state.kind !== "lingering") this.cut();
  }

  cut(): void {
    this.#socket.destroy();
  }

  #drained(): void {
    this.#clogged = false;
    if (this.#state.kind === "busy" || this.#state.kind === "spliced")
      this.deadline = Number.POSITIVE_INFINITY;
    this.#exchange()?.clientDrained();
  }

  #receive(chunk: Buffer): void {
    const state = this.#state;
    switch (state.kind) {
      case "head":
        this.#readHead(state.seen === undefined ? chunk : Buffer.concat([state.seen, chunk]));
        return;
      case "body":
        this.#readBody(state.exchange, state.scanner, chunk);
        return;
      case "busy":
        state.ahead = state.ahead === undefined ? chunk : Buffer.concat([state.ahead, chunk]);
        if (state.ahead.length > READ_AHEAD_BYTES) this.#socket.pause();
        return;
      case "spliced":
        state.exchange.body(chunk);
        return;
      case "lingering":
      case "closed":
        return;
      default:
        state satisfies never;
    }
  }

  #readHead(buffer: Buffer): void {
    const read = readHead(buffer);
    switch (read.kind) {
      case "whole":
        this.#begin(read.head, read.rest);
        return;
      case "part":
        if (this.#state === IDLE && read.seen.length > 0) this.deadline = Date.now() + CLIENT_LIMITS.headMs;
        this.#state = read.seen.length === 0 ? IDLE : { kind: "head", seen: read.seen };
        return;
      case "refused":
        this.#refuse({ status: read.status, substatus: 0, reason: read.reason });
        return;
      default:
        read satisfies never;
    }
  }

  #begin(head: RequestHead, rest: Buffer | undefined): void {
    if (head.framing.kind === "length" && head.framing.bytes > this.#options.maxBodyBytes) {
      this.#refuse(bodyTooLarge(this.#options.maxBodyBytes));
      return;
    }
    const exchange = new Exchange(head, forwardedHead(head, this.#options.facts), this);
    if (head.framing.kind === "none") {
      this.deadline = Number.POSITIVE_INFINITY;
      this.#state = { kind: "busy", exchange, ahead: rest };
      this.#options.router.route(exchange);
      return;
    }
    const scanner = new BodyScanner(head.framing);
    this.#bodyBytes = 0;
    this.#state = { kind: "body", exchange, scanner };
    this.deadline = Date.now() + CLIENT_LIMITS.idleMs;
    this.#options.router.route(exchange);
    if (rest !== undefined && this.#state.kind === "body") this.#readBody(exchange, scanner, rest);
  }

  #readBody(exchange: Exchange, scanner: BodyScanner, chunk: Buffer): void {
    const end = scanner.scan(chunk, 0);
    if (end === -1) {
      exchange.fail({ status: 400, substatus: 0, reason: "The chunked body is malformed." });
      return;
    }
    this.#bodyBytes += end;
    if (this.#bodyBytes > this.#options.maxBodyBytes) {
      exchange.fail(bodyTooLarge(this.#options.maxBodyBytes));
      return;
    }
    this.deadline = Date.now() + CLIENT_LIMITS.idleMs;
    if (end > 0) exchange.body(end === chunk.length ? chunk : chunk.subarray(0, end));
    if (!scanner.done || this.#state.kind !== "body") return;
    this.deadline = Number.POSITIVE_INFINITY;
    this.#state = { kind: "busy", exchange, ahead: end < chunk.length ? chunk.subarray(end) : undefined };
    exchange.bodyDone();
  }

  #exchange(): Exchange | undefined {
    const state = this.#state;
    return state.kind === "body" || state.kind === "busy" || state.kind === "spliced"
      ? state.exchange
      : undefined;
  }

  #refuse(failure: Failure): void {
    this.#respond(failure, false, false);
    this.#linger();
  }

  #respond(failure: Failure, keepAlive: boolean, head: boolean): number {
    const response = failureResponse(failure, { local: this.#options.local, keepAlive, head });
    this.#socket.write(response, "utf8");
    return Buffer.byteLength(response);
  }

  // Closing at once while bytes are unread would send a reset, which may overtake the response (RFC 9112 section 9.6).
  #linger(): void {
    if (this.#state.kind === "closed") return;
    this.#state = LINGERING;
    this.deadline = Date.now() + CLIENT_LIMITS.lingerMs;
    this.#socket.end();
    this.#socket.resume();
  }

  #gone(): void {
    const exchange = this.#exchange();
    this.#state = CLOSED;
    exchange?.clientGone();
  }
}

export function bodyTooLarge(maxBytes: number): Failure {
  return { status: 413, substatus: 1, reason: `A request's body may have ${maxBytes} bytes.` };
}
