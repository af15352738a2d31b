import type { Socket } from "node:net";
import { tcpSocketUnder } from "../listener/node-internals.ts";
import type { ExchangeClient, ExchangeRecord } from "./exchange-client.ts";
import { Exchange } from "./exchange.ts";
import { DEFECT, bodyTooLarge, failureResponse, type Failure } from "./failure.ts";
import { BodyScanner } from "./http1/body.ts";
import { forwardedHead } from "./http1/forwarded.ts";
import { readHead } from "./http1/head-reader.ts";
import type { RequestHead } from "./http1/request-head.ts";
import { guardEvents, guardedBy, type GuardedEvents } from "./proxy/boundary.ts";
import { ClientDeadline } from "./proxy/client-deadline.ts";
import { CLIENT_LIMITS, onItsWayMs, type ClientOptions } from "./proxy/client-options.ts";
import { BEGUN, CLOSED, IDLE, LINGERING, type ClientState } from "./proxy/client-state.ts";
import { isMadeHere } from "./proxy/local.ts";
import { Turns } from "./proxy/turns.ts";

/** As much of what comes behind a complete request is read ahead. */
const READ_AHEAD_BYTES = 64 * 1024;
/** So many requests of one client are begun before others have their turn. */
const TURN_REQUESTS = 32;

/** One client connection that speaks HTTP/1.x: head → body → busy → head …; or → spliced; → lingering → closed. */
export class ClientConnection implements ExchangeClient {
  static readonly #EVENTS: GuardedEvents<ClientConnection> = {
    data: (client, chunk: Buffer) => client.#receive(chunk),
    drain: (client) => client.#drained(),
    end: (client) => client.#ended(),
    error: () => undefined, // "close" follows and says the same.
    close: (client) => client.#gone("lost"),
  };
  static readonly #next = (client: ClientConnection): boolean => client.#beginNext();
  closing = false;
  readonly #socket: Socket;
  readonly #options: ClientOptions;
  readonly #deadline: ClientDeadline;
  #bodyBytes = 0;
  /** There was a request. */
  #asked = false;
  /** What comes behind the body of the request is no HTTP any more. */
  #splicesNext = false;
  /** It sends nothing more, and reads on. */
  #halfClosed = false;
  /** Its bytes are not wanted by the application. */
  #paused = false;
  /** What was written waits for the client to read. */
  #clogged = false;
  /** Bytes that are no part of a request yet. */
  #ahead: Buffer | undefined;
  /** One that is answered at once asks for the next from inside itself. */
  readonly #requests = new Turns(this, TURN_REQUESTS, ClientConnection.#next);
  #state: ClientState = IDLE;

  constructor(socket: Socket, options: ClientOptions) {
    this.#socket = socket;
    // What a client asked before it closed its side is still due to it.
    socket.allowHalfOpen = true;
    this.#options = options;
    this.#deadline = new ClientDeadline(socket, CLIENT_LIMITS.idleMs, options.minRate);
    this.#deadline.within(CLIENT_LIMITS.headMs);
    guardEvents(this, socket, ClientConnection.#EVENTS);
  }

  /** Every second. */
  sweep(now: number): void {
    if (this.#deadline.sweep(now)) this.#expire();
  }

  /** No request after the next: an idle connection closes when none is on its way, another one with its response. */
  close(): void {
    this.closing = true;
    const closeIdle = (): void => {
      if (this.#state === IDLE && this.#ahead === undefined) this.end();
    };
    if (this.#state === IDLE) setTimeout(guardedBy(this, closeIdle), onItsWayMs(this.#asked)).unref();
  }

  /** Nothing is due to it: stopping need not wait. */
  get upgraded(): boolean {
    return this.#state.kind === "spliced";
  }

  write(bytes: string | Buffer): boolean {
    const socket = this.#socket;
    const flowing = typeof bytes === "string" ? socket.write(bytes, "latin1") : socket.write(bytes);
    if (!flowing && !this.#clogged) {
      this.#clogged = true;
      this.#deadline.readerBegins();
    }
    return flowing;
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  pause(withinMs: number = CLIENT_LIMITS.idleMs): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#deadline.body.hold();
    this.#deadline.within(withinMs);
    this.#socket.pause();
  }

  resume(): void {
    if (this.#paused && this.#state.kind !== "busy") this.#deadline.within(Number.POSITIVE_INFINITY);
    this.#paused = false;
    this.#deadline.body.goOn();
    this.#socket.resume();
  }

  expect(withinMs: number): void {
    // While the body is still to come the client has to go on with that.
    if (this.#state.kind === "busy") this.#deadline.within(withinMs);
  }

  fail(failure: Failure, head: RequestHead): number {
    const whole = this.#state.kind === "busy";
    const keepAlive = whole && head.keepAlive && !this.closing;
    const bytes = this.#respond(failure, head, keepAlive);
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
      this.end();
      return;
    }
    this.#state = IDLE;
    // Until it has read the answer the client owes no request.
    this.#deadline.within(this.#clogged ? Number.POSITIVE_INFINITY : CLIENT_LIMITS.idleMs);
    this.#paused = false;
    this.#socket.resume();
    this.#requests.take();
  }

  splice(): void {
    // The application may switch before it has the whole body, which then still comes as one.
    if (this.#state.kind === "body") this.#splicesNext = true;
    if (this.#state.kind !== "busy") return;
    const { exchange } = this.#state;
    const ahead = this.#ahead;
    this.#ahead = undefined;
    this.#state = { kind: "spliced", exchange };
    this.#socket.resume();
    if (ahead !== undefined) exchange.body(ahead);
  }

  // Closing at once while bytes are unread would send a reset, which may overtake the response (RFC 9112 section 9.6).
  end(): void {
    if (this.#state.kind === "closed" || this.#state.kind === "lingering") return;
    this.#state = LINGERING;
    this.#ahead = undefined;
    this.#deadline.body.end();
    this.#deadline.within(Number.POSITIVE_INFINITY);
    this.#deadline.readerBegins();
    this.#socket.end(guardedBy(this, () => this.#deadline.linger()));
    this.#socket.resume();
  }

  broken(error: unknown): void {
    this.#options.defect(error);
    this.closing = true;
    this.#exchange()?.fail(DEFECT);
    if (this.#state.kind !== "lingering") this.cut();
  }

  cut(endless = false): void {
    const socket = tcpSocketUnder(this.#socket) ?? this.#socket;
    if (endless) socket.resetAndDestroy();
    this.#socket.destroy();
  }

  /** The deadline has passed. */
  #expire(): void {
    const state = this.#state;
    if (this.#deadline.unread) {
      this.cut();
    } else if (state === BEGUN) {
      this.#refuse({ status: 408, substatus: 0, reason: "The request took too long to arrive." });
    } else if (state === IDLE) {
      this.end();
    } else if (state.kind === "busy" || (state.kind === "body" && this.#paused)) {
      state.exchange.expired();
    } else {
      this.cut();
    }
  }

  #drained(): void {
    this.#clogged = false;
    if (this.#state.kind === "lingering") return;
    this.#deadline.readerDone();
    if (this.#state === IDLE) {
      this.#deadline.within(CLIENT_LIMITS.idleMs);
      this.#socket.resume();
      this.#requests.take();
    } else {
      this.#exchange()?.clientDrained();
    }
  }

  #receive(chunk: Buffer): void {
    const state = this.#state;
    switch (state.kind) {
      case "head":
      case "busy":
        this.#ahead = this.#ahead === undefined ? chunk : Buffer.concat([this.#ahead, chunk]);
        this.#requests.take();
        if (this.#ahead !== undefined && this.#ahead.length > READ_AHEAD_BYTES) this.#socket.pause();
        return;
      case "body":
        this.#readBody(state.exchange, state.scanner, chunk);
        return;
      case "spliced":
        state.exchange.body(chunk);
        return;
      case "lingering":
        this.#deadline.lingersOn();
        return;
      case "closed":
        return;
      default:
        state satisfies never;
    }
  }

  /** Begins a request out of what was read ahead; false where one is under way, the client has to read first, or bytes are missing. */
  #beginNext(): boolean {
    if (this.#state.kind !== "head" || this.#clogged) return false;
    const begun = this.#ahead !== undefined && this.#readHead(this.#ahead);
    // What there is of a further request stays a part.
    if (!begun && this.#halfClosed) this.end();
    return begun;
  }

  /** Whether it was whole. */
  #readHead(buffer: Buffer): boolean {
    const read = readHead(buffer);
    switch (read.kind) {
      case "whole":
        this.#ahead = read.rest;
        this.#begin(read.head);
        return true;
      case "part":
        this.#ahead = read.seen.length === 0 ? undefined : read.seen;
        if (this.#state === IDLE && this.#ahead !== undefined) {
          this.#state = BEGUN;
          this.#deadline.within(CLIENT_LIMITS.headMs);
        }
        return false;
      case "refused":
        this.#refuse({ status: read.status, substatus: 0, reason: read.reason });
        return false;
      default:
        return read satisfies never;
    }
  }

  #begin(head: RequestHead): void {
    this.#asked = true;
    if (head.framing.kind === "length" && head.framing.bytes > this.#options.maxBodyBytes) {
      this.#refuse(bodyTooLarge(this.#options.maxBodyBytes));
      return;
    }
    const exchange = new Exchange(head, forwardedHead(head, this.#options.facts), this);
    this.#deadline.within(Number.POSITIVE_INFINITY);
    if (head.framing.kind === "none") {
      this.#state = { kind: "busy", exchange };
      this.#options.router.route(exchange);
      return;
    }
    const scanner = new BodyScanner(head.framing);
    const first = this.#ahead;
    this.#ahead = undefined;
    this.#bodyBytes = 0;
    this.#state = { kind: "body", exchange, scanner };
    this.#deadline.body.begin(0);
    this.#options.router.route(exchange);
    if (first !== undefined && this.#state.kind === "body") this.#readBody(exchange, scanner, first);
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
    this.#deadline.body.reached(this.#bodyBytes);
    const part = scanner.passed(chunk, end);
    if (part.length > 0) exchange.body(part);
    if (!scanner.done || this.#state.kind !== "body") return;
    this.#deadline.body.end();
    this.#deadline.within(Number.POSITIVE_INFINITY);
    this.#ahead = end < chunk.length ? chunk.subarray(end) : undefined;
    this.#state = { kind: "busy", exchange };
    exchange.bodyDone();
    if (this.#splicesNext) this.splice();
  }

  #exchange(): Exchange | undefined {
    return "exchange" in this.#state ? this.#state.exchange : undefined;
  }

  #refuse(failure: Failure): void {
    this.#respond(failure, undefined, false);
    this.end();
  }

  /** `head`: of the request, where it could be read. */
  #respond(failure: Failure, head: RequestHead | undefined, keepAlive: boolean): number {
    const response = failureResponse(failure, {
      local: head !== undefined && isMadeHere(head, this.#options.local),
      keepAlive,
      head: head?.method === "HEAD",
    });
    this.write(response);
    return response.length;
  }

  /** The client has closed its side: it waits for answers, or has gone. Where no further byte may be due to it, it has gone. */
  #ended(): void {
    const state = this.#state;
    this.#halfClosed = true;
    if (state.kind === "head") return this.#requests.take();
    if (state.kind === "busy" && !state.exchange.endless) return;
    this.#gone("ended");
    this.#socket.end();
  }

  #gone(how: "ended" | "lost"): void {
    const exchange = this.#exchange();
    this.#state = CLOSED;
    // What was written to it before keeps the connection until it is read.
    if (how === "ended") this.#deadline.readerBegins();
    exchange?.clientGone(how);
  }
}
