import { writeResponse, type ExchangeClient, type ExchangeRecord } from "./exchange-client.ts";
import type { Failure } from "./failure.ts";
import type { RequestHead } from "./http1/request-head.ts";
import type { ResponseHead } from "./http1/response-head.ts";
import type { Guarded } from "./proxy/boundary.ts";
import { Replay } from "./replay.ts";
import { isIdempotent } from "./retry.ts";
import type { Loss, UpstreamConnection, UpstreamUser } from "./upstream.ts";

/** Finds a backend for an exchange, now or later. */
export interface Router {
  route(exchange: Exchange): void;
}

/** Where an exchange was sent. */
export interface Origin {
  /** How long the answer may take to begin. */
  readonly requestTimeoutMs: number;
  /** What runs there, where that is known. */
  readonly artifact: string | undefined;
  /** Field lines that only this backend gets, each ended by CRLF. */
  readonly fields: string;
  /** The connection was lost before the response began. */
  lost(exchange: Exchange, loss: Loss): void;
  answered(status: number): void;
}

/** Where an exchange waits. */
export interface Holder {
  withdraw(exchange: Exchange): void;
}

type State =
  /** For a backend. */
  | { readonly kind: "waiting" }
  | { readonly kind: "sent"; readonly connection: UpstreamConnection; readonly origin: Origin }
  | { readonly kind: "answering"; readonly connection: UpstreamConnection; readonly head: ResponseHead }
  /** The response was complete before the request. */
  | { readonly kind: "answered"; readonly connection: UpstreamConnection; readonly head: ResponseHead }
  | { readonly kind: "spliced"; readonly connection: UpstreamConnection }
  | { readonly kind: "over" };

const WAITING: State = { kind: "waiting" };
const OVER: State = { kind: "over" };
const EVENT_STREAM = /^content-type:[ \t]*text\/event-stream/im;

/** One request and its response: waiting → sent → answering → over; sent → waiting again where nothing was answered. */
export class Exchange implements ExchangeRecord, UpstreamUser, Guarded {
  readonly head: RequestHead;
  readonly idempotent: boolean;
  readonly startedAt = Date.now();
  status = 0;
  substatus = 0;
  bytes = 0;
  artifact: string | undefined;
  site: string | undefined;
  /** What the site adds to every final answer: field lines, each ended by CRLF. */
  answerFields = "";
  /** Set while it is held, milliseconds since the epoch. */
  heldUntil = 0;
  holder: Holder | undefined;
  /** How often it was sent again without the certainty that it had not been served. */
  repeats = 0;
  readonly #client: ExchangeClient;
  /** The head as the backend gets it, without the line end that closes it. */
  readonly #headText: string;
  #state: State = WAITING;
  readonly #replay = new Replay();
  #bodyDone: boolean;

  constructor(head: RequestHead, headText: string, client: ExchangeClient) {
    this.head = head;
    this.#headText = headText;
    this.#client = client;
    this.#bodyDone = head.framing.kind === "none";
    this.idempotent = isIdempotent(head.method);
  }

  /** Everything sent so far can be sent again. */
  get replayable(): boolean {
    return this.#replay.possible;
  }

  get waiting(): boolean {
    return this.#state.kind === "waiting";
  }

  get endless(): boolean {
    const state = this.#state;
    return state.kind === "spliced" || (state.kind === "answering" && EVENT_STREAM.test(state.head.fields));
  }

  /** A backend takes it. */
  sendOver(connection: UpstreamConnection, origin: Origin): void {
    this.#state = { kind: "sent", connection, origin };
    this.artifact = origin.artifact;
    if (this.#bodyDone) this.#client.expect(origin.requestTimeoutMs);
    connection.carry(this, this.head.method);
    const { socket } = connection;
    const headText = `${this.#headText}${origin.fields}\r\n`;
    const { parts } = this.#replay;
    if (parts.length === 0) {
      socket.write(headText, "latin1");
      return;
    }
    socket.cork();
    socket.write(headText, "latin1");
    for (const part of parts) socket.write(part);
    socket.uncork();
    this.#client.resume();
  }

  /** A part of the request's body, framed as on the wire; after an upgrade any bytes. */
  body(part: Buffer): void {
    const state = this.#state;
    switch (state.kind) {
      case "waiting":
        this.#replay.keep(part, true);
        if (this.#replay.full) this.#client.pause(Number.POSITIVE_INFINITY); // Who holds it has a limit.
        return;
      case "sent":
        this.#replay.keep(part, false);
        this.#forward(state.connection, part, state.origin.requestTimeoutMs);
        return;
      case "answering":
      case "answered":
      case "spliced":
        this.#forward(state.connection, part);
        return;
      case "over":
        return;
      default:
        state satisfies never;
    }
  }

  bodyDone(): void {
    this.#bodyDone = true;
    if (this.#state.kind === "sent") this.#client.expect(this.#state.origin.requestTimeoutMs);
    if (this.#state.kind === "answered") this.#finish(this.#state.connection, this.#state.head);
  }

  /** The client has closed its connection, or lost it: the backend gets to know by its own being closed. */
  clientGone(how: "ended" | "lost"): void {
    const state = this.#state;
    this.#end(state.kind !== "spliced" && state.kind !== "answered");
    switch (state.kind) {
      case "waiting":
        this.holder?.withdraw(this);
        return;
      case "spliced":
        if (how === "ended") state.connection.finish();
        else state.connection.abandon();
        return;
      case "sent":
      case "answering":
      case "answered":
        state.connection.abandon();
        return;
      case "over":
        return;
      default:
        state satisfies never;
    }
  }

  clientDrained(): void {
    const state = this.#state;
    if (state.kind === "answering" || state.kind === "spliced") state.connection.socket.resume();
  }

  /** No sign of life within the time that `expect` named. */
  expired(): void {
    this.fail({ status: 502, substatus: 3, reason: "The application did not answer in time." });
  }

  /** Ends it with an answer of our own, or a cut where the response has begun. */
  fail(failure: Failure): void {
    const state = this.#state;
    if (state.kind === "over") return;
    if (state.kind === "waiting") this.holder?.withdraw(this);
    else state.connection.abandon();
    const begun = state.kind !== "waiting" && state.kind !== "sent";
    this.#state = OVER;
    if (!begun) {
      this.status = failure.status;
      this.substatus = failure.substatus;
      this.bytes = this.#client.fail({ ...failure, fields: this.answerFields }, this.head);
    }
    this.#client.ended(this, begun);
    if (begun) this.#client.cut();
  }

  broken(error: unknown): void {
    this.#client.broken(error);
  }

  cut(): void {
    this.#client.cut();
  }

  informed(head: ResponseHead): void {
    this.#replay.forget();
    // HTTP/1.0 knows no interim responses.
    if (this.head.minor === 1) this.#client.write(`${head.line}\r\n${head.fields}\r\n`);
  }

  answered(head: ResponseHead, body: Buffer | undefined, done: boolean): void {
    if (this.#state.kind !== "sent") return;
    if (head.status !== 101 && this.#client.carries?.(head) === false) return this.garbled();
    const { connection, origin } = this.#state;
    this.#replay.forget();
    this.#client.expect(Number.POSITIVE_INFINITY);
    this.status = head.status;
    origin.answered(head.status);
    if (head.status === 101) {
      this.#upgrade(connection, head, body);
      return;
    }
    this.#state = { kind: "answering", connection, head };
    const close = this.#keepsClient(head) ? "" : "Connection: close\r\n";
    this.#write(connection, `${head.line}\r\n${head.fields}${this.answerFields}${close}\r\n`, body);
    if (done) this.#responseDone(connection, head);
  }

  answering(body: Buffer, done: boolean): void {
    if (this.#state.kind !== "answering") return;
    const { connection, head } = this.#state;
    this.bytes += body.length;
    if (body.length > 0 && !this.#client.write(body)) connection.socket.pause();
    if (done) this.#responseDone(connection, head);
  }

  garbled(why?: string): void {
    const reason = `The application's answer was no valid HTTP response${why === undefined ? "" : `: ${why}`}.`;
    this.fail({ status: 502, substatus: 3, reason });
  }

  upstreamDrained(): void {
    this.#client.resume();
  }

  upstreamLost(loss: Loss): void {
    const state = this.#state;
    switch (state.kind) {
      case "sent":
        this.#state = WAITING;
        state.origin.lost(this, loss);
        return;
      case "answering":
        this.#end(true);
        this.#client.cut(state.head.framing.kind === "close");
        return;
      case "answered":
        this.#end(false);
        this.#client.exchangeOver(false);
        return;
      case "waiting":
      case "spliced":
      case "over":
        return;
      default:
        state satisfies never;
    }
  }

  spliced(bytes: Buffer | undefined): void {
    if (this.#state.kind !== "spliced") return;
    if (bytes === undefined) {
      this.#end(false);
      this.#client.end();
    } else if (!this.#client.write(bytes)) {
      this.#state.connection.socket.pause();
    }
  }

  #upgrade(connection: UpstreamConnection, head: ResponseHead, first: Buffer | undefined): void {
    if (this.head.upgrade === "") {
      this.garbled();
      return;
    }
    this.#state = { kind: "spliced", connection };
    connection.splice();
    const upgrade = `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n`;
    this.#write(connection, `${head.line}\r\n${head.fields}${upgrade}\r\n`, first);
    this.#client.splice();
  }

  #write(connection: UpstreamConnection, headText: string, body: Buffer | undefined): void {
    this.bytes += headText.length + (body?.length ?? 0);
    if (!writeResponse(this.#client, headText, body)) connection.socket.pause();
  }

  #responseDone(connection: UpstreamConnection, head: ResponseHead): void {
    if (this.#bodyDone) this.#finish(connection, head);
    else this.#state = { kind: "answered", connection, head };
  }

  #finish(connection: UpstreamConnection, head: ResponseHead): void {
    this.#end(false);
    // Once an upgrade was asked for, a server may read no HTTP on the connection any more, whatever it answers.
    const reusable = head.keepAlive && this.head.minor === 1 && this.head.upgrade === "";
    connection.release(reusable, head.keepAliveMs);
    this.#client.exchangeOver(this.#keepsClient(head));
  }

  #end(cut: boolean): void {
    if (this.#state.kind === "over") return;
    this.#state = OVER;
    this.#client.ended(this, cut);
  }

  #keepsClient(head: ResponseHead): boolean {
    return this.head.keepAlive && head.framing.kind !== "close" && !this.#client.closing;
  }

  #forward(connection: UpstreamConnection, part: Buffer, withinMs?: number): void {
    if (!connection.socket.write(part)) this.#client.pause(withinMs);
  }
}
