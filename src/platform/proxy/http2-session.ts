import {
  constants,
  performServerHandshake,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { TLSSocket } from "node:tls";
import { bytesTaken } from "../../listener/node-internals.ts";
import { Http2Exchange } from "../http2-exchange.ts";
import { MAX_FIELDS, MAX_HEAD_BYTES } from "../http1/request-head.ts";
import { MAX_RESPONSE_HEAD_BYTES } from "../http1/response-head.ts";
import { guarded, guardedBy, type Guarded } from "./boundary.ts";
import { CLIENT_LIMITS, onItsWayMs, type ClientOptions } from "./client-options.ts";
import { closeStream, destroySession } from "./http2-streams.ts";
import { enableKeepAlive } from "./tcp-keep-alive.ts";

const SESSION_LIMITS = {
  settings: {
    maxConcurrentStreams: 100,
    // A field counts 32 bytes more than its text here. Up to this it is answered with 431, beyond it the stream is reset.
    maxHeaderListSize: 2 * MAX_HEAD_BYTES + 32 * MAX_FIELDS,
  },
  /** MB. */
  maxSessionMemory: 10,
  // The parser of heads counts fields, and cookies that came in several as one; their size is bounded above.
  maxHeaderListPairs: 1_000,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  // Compression may make a block larger than its text; one too large would end the session.
  maxSendHeaderBlockLength: 4 * MAX_RESPONSE_HEAD_BYTES,
} as const;

/** So many streams may end unanswered at once, and so many a second in the long run; a browser that leaves a page stays far below. */
const RESETS = { burst: 500, perSecond: 33 } as const;

export interface Http2SessionOwner {
  /** Counts one more stream and gives what takes it off the count; undefined where that is one too many. */
  take(): (() => void) | undefined;
  /** A stream is over. */
  streamOver(): void;
}

/** One HTTP/2 connection and its streams. */
export class Http2Session implements Guarded {
  readonly #session: ServerHttp2Session;
  readonly #socket: TLSSocket;
  readonly #options: ClientOptions;
  readonly #owner: Http2SessionOwner;
  readonly #streams = new Set<Http2Exchange>();
  /** When the sweep ends it while it has no stream; frames that belong to none do not put it off. */
  #deadline = Date.now() + CLIENT_LIMITS.headMs;
  #ending = false;
  /** There was a stream. */
  #asked = false;
  #awaitsLast = false;
  /** Bytes, at the last sweep. */
  #taken = 0;
  #resets = 0;
  #resetsAt = 0;

  constructor(socket: TLSSocket, options: ClientOptions, owner: Http2SessionOwner) {
    this.#socket = socket;
    this.#options = options;
    this.#owner = owner;
    enableKeepAlive(socket);
    this.#session = performServerHandshake(socket, SESSION_LIMITS);
    this.#session.on("error", () => undefined); // The socket's "close" follows and says the same.
    this.#session.on(
      "stream",
      guardedBy(this, (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
        this.#open(stream, headers),
      ),
    );
  }

  /** Streams are open, or the last ones may be on their way. */
  get busy(): boolean {
    return this.#streams.size > 0 || this.#awaitsLast;
  }

  /** Every second. */
  sweep(now: number): void {
    this.#tellProgress();
    for (const stream of this.#streams) guarded(stream, () => stream.sweep(now));
    if (this.busy || now < this.#deadline) return;
    if (this.#ending) this.cut();
    else this.close();
  }

  /** No further stream than those that are on their way; it closes with the last one. */
  close(): void {
    this.#ending = true;
    const waitMs = onItsWayMs(this.#asked);
    this.#deadline = Date.now() + waitMs + CLIENT_LIMITS.lingerMs;
    for (const stream of this.#streams) stream.close();
    this.#awaitsLast = true;
    const closeNow = guardedBy(this, () => {
      this.#awaitsLast = false;
      this.#session.close();
      this.#owner.streamOver();
    });
    setTimeout(closeNow, waitMs).unref();
  }

  broken(error: unknown): void {
    this.#options.defect(error);
    this.cut();
  }

  /** Destroying the session alone would wait for a client that does not read. */
  cut(): void {
    destroySession(this, this.#session);
    this.#socket.destroy();
  }

  /** What the connection has taken is shared by the streams that wait for their client to read: one window is for all of them. */
  #tellProgress(): void {
    const taken = bytesTaken(this.#socket);
    const waiting = [...this.#streams].filter((stream) => stream.awaitsReader);
    for (const stream of waiting) stream.readerTook((taken - this.#taken) / waiting.length);
    this.#taken = taken;
  }

  #open(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", () => undefined); // "close" follows and says the same.
    if (stream.closed || stream.destroyed) {
      this.#countReset();
      return;
    }
    const release = this.#owner.take();
    if (release === undefined) {
      this.#countReset();
      closeStream(this, stream, constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    this.#asked = true;
    const exchange = new Http2Exchange(stream, headers, this.#options);
    if (this.#ending) exchange.close();
    this.#streams.add(exchange);
    stream.once(
      "close",
      guardedBy(this, () => this.#over(stream, exchange, release)),
    );
    guarded(exchange, () => exchange.begin());
  }

  #over(stream: ServerHttp2Stream, exchange: Http2Exchange, release: () => void): void {
    release();
    this.#streams.delete(exchange);
    this.#deadline = Date.now() + (this.#ending ? CLIENT_LIMITS.lingerMs : CLIENT_LIMITS.idleMs);
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR || !stream.writableEnded) this.#countReset();
    this.#owner.streamOver();
  }

  /** Streams that are opened to be reset cost us much and a client nothing, whichever side it makes reset them. */
  #countReset(): void {
    const now = Date.now();
    const forgotten = ((now - this.#resetsAt) / 1000) * RESETS.perSecond;
    this.#resets = Math.max(0, this.#resets - forgotten) + 1;
    this.#resetsAt = now;
    if (this.#resets <= RESETS.burst || this.#ending) return;
    this.#ending = true;
    this.#deadline = now + CLIENT_LIMITS.lingerMs;
    const why = new Error("Too many streams were reset.");
    destroySession(this, this.#session, why, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}
