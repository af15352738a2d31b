import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { now, type StreamRecord } from "./connections.ts";
import { freeWhenQuiet } from "./lingering-close.ts";
import type { DrainContext } from "./http1-connection.ts";
import { endsAfterMs, releaseOf, waitOf, type Wait } from "./long-polls.ts";
import type { RequestHead } from "./options.ts";
import { requestLine, type ConnectionKind, type Cut } from "./report.ts";

// As in http2.constants. To import node:http2 costs every preloaded app two megabytes and ten milliseconds.
const HTTP2_HEADER_CONTENT_TYPE = "content-type";
const HTTP2_HEADER_STATUS = ":status";
const NGHTTP2_NO_ERROR = 0;

/** One http2 session from the beginning of stop to its end: GOAWAY, running streams finish, the socket closes. */
export class Http2Connection {
  readonly kind = "http2" as const;
  readonly socket: Socket;
  readonly #session: ServerHttp2Session;
  readonly #context: DrainContext;
  readonly #streams = new Map<ServerHttp2Stream, StreamRecord>();
  /** Until its end one further request may come. */
  #waiting: NodeJS.Timeout | undefined;

  constructor(
    socket: Socket,
    session: ServerHttp2Session,
    streams: ReadonlyMap<ServerHttp2Stream, StreamRecord>,
    context: DrainContext,
  ) {
    this.socket = socket;
    this.#session = session;
    this.#context = context;
    for (const [stream, record] of streams) {
      if (record.session === session) this.#streams.set(stream, record);
    }
    // A client that counts on the session may have sent a request already, which a GOAWAY would cross.
    const lingerMs = this.#streams.size > 0 ? 0 : context.lingerMs(socket) - context.quietFor(socket);
    if (lingerMs > 0) this.#waiting = setTimeout(() => this.#goAway(), lingerMs).unref();
    else this.#goAway();
  }

  /** A client that waits for an answer sends nothing that could cross the GOAWAY, so it comes with this one. */
  opened(stream: ServerHttp2Stream, record: StreamRecord): void {
    this.#streams.set(stream, record);
    if (this.#waiting !== undefined) this.#goAway();
  }

  closed(stream: ServerHttp2Stream): void {
    if (!this.#streams.delete(stream)) return;
    if (stream.writableFinished && stream.rstCode === NGHTTP2_NO_ERROR) this.#context.served();
    this.#freeWhenDone();
  }

  endOverdue(sinceStopMs: number): void {
    for (const [stream, record] of this.#streams) {
      const wait = this.#waitOf(stream, record);
      const endsAfter = endsAfterMs(this.#kindOf(stream, record), wait, this.#context.options);
      if (sinceStopMs < endsAfter || stream.writableEnded) continue;
      if (wait !== undefined) release(stream, wait, record.headers);
      else {
        stream.on("error", () => undefined); // An app that goes on writing meets the end; that is no failure.
        stream.end();
      }
    }
  }

  /** The drain was given up. A session that was told to go away goes with its last stream. */
  recall(): void {
    clearTimeout(this.#waiting);
    if (!this.#session.closed) return;
    for (const stream of this.#streams.keys()) stream.once("close", () => this.closed(stream));
  }

  /** What is lost if the connection is destroyed now. */
  lost(): Cut[] {
    return [...this.#streams].map(([stream, record]) => ({
      kind: this.#kindOf(stream, record),
      ageMs: now() - record.openedAt,
      ...requestLine(record.headers[":method"], record.headers[":path"]),
    }));
  }

  destroy(): void {
    this.#session.destroy();
    this.socket.destroy();
  }

  #goAway(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    const close = (): void => {
      if (!this.#session.closed && !this.#session.destroyed) this.#session.close();
      this.#freeWhenDone();
    };
    this.#context.onceRefusing(() => this.#context.afterTurn(close));
  }

  // The session ends its socket when its last stream is done, and would wait for the peer's FIN without end. A peer that
  // still reads sends window updates; to free the socket then would destroy what it has not read.
  #freeWhenDone(): void {
    if (!this.#session.closed || this.#streams.size > 0) return;
    freeWhenQuiet(this.socket, this.#context.options.halfCloseMs);
  }

  #kindOf(stream: ServerHttp2Stream, record: StreamRecord): ConnectionKind {
    const type = stream.sentHeaders?.[HTTP2_HEADER_CONTENT_TYPE];
    if (typeof type === "string" && type.startsWith("text/event-stream")) return "event-stream";
    const wait = this.#waitOf(stream, record);
    return wait === undefined ? "request" : wait === "event-stream" ? "event-stream" : "long-poll";
  }

  #waitOf(stream: ServerHttp2Stream, { headers, openedAt }: StreamRecord): Wait | undefined {
    if (stream.headersSent) return undefined;
    const waitedMs = Math.max(0, this.#context.startedAt - openedAt);
    return waitOf(headOf(headers), waitedMs, this.#context.options);
  }
}

function headOf(headers: IncomingHttpHeaders): RequestHead {
  return { method: headers[":method"], url: headers[":path"], headers };
}

function release(stream: ServerHttp2Stream, wait: Wait, headers: IncomingHttpHeaders): void {
  const chosen = releaseOf(wait, headOf(headers));
  stream.on("error", () => undefined); // An app that answers after all meets the end; that is no failure.
  stream.respond(
    { ...chosen.headers, [HTTP2_HEADER_STATUS]: chosen.status },
    { endStream: chosen.body === "" },
  );
  if (chosen.body === "") stream.close();
  else stream.end(chosen.body);
}
