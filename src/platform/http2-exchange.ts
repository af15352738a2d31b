import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { ExchangeClient, ExchangeRecord } from "./exchange-client.ts";
import { Exchange } from "./exchange.ts";
import { DEFECT, bodyTooLarge, failureResponse, type Failure } from "./failure.ts";
import { BodyScanner } from "./http1/body.ts";
import { forwardedHead } from "./http1/forwarded.ts";
import { MAX_HEAD_BYTES, parseRequestHead, type RequestHead } from "./http1/request-head.ts";
import type { ResponseHead } from "./http1/response-head.ts";
import { passableTrailers } from "./http1/trailers.ts";
import { guardEvents } from "./proxy/boundary.ts";
import { CLIENT_LIMITS, type ClientOptions } from "./proxy/client-options.ts";
import {
  fieldLines,
  http2Headers,
  http2Trailers,
  isHttp2Status,
  requestHeadText,
} from "./proxy/http2-head.ts";
import { closeStream } from "./proxy/http2-streams.ts";
import { isMadeHere } from "./proxy/local.ts";
import { Pace } from "./proxy/pace.ts";
import { ResponseReader, type ResponseSink } from "./response-reader.ts";

const NEVER = Number.POSITIVE_INFINITY;
const HEAD_TOO_LARGE: Failure = {
  status: 431,
  substatus: 0,
  reason: `The request head is larger than ${MAX_HEAD_BYTES} bytes.`,
};

/** One HTTP/2 stream as a client of the HTTP/1.1 forwarder: its head goes through the same strict parser. */
export class Http2Exchange implements ExchangeClient, ResponseSink {
  closing = false;
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #options: ClientOptions;
  readonly #reader: ResponseReader;
  #exchange: Exchange | undefined;
  #decoder: BodyScanner | undefined;
  #trailers: OutgoingHttpHeaders = {};
  #bodyBytes = 0;
  /** The share of this stream in what its connection took while it waited. */
  #read = 0;
  #paused = false;
  /** The reset is ours, so it tells nothing of the client. */
  #closedHere = false;
  /** What is no matter of pace is due, milliseconds since the epoch. */
  #due = NEVER;
  /** Until then the rest of a request may come whose answer is whole. */
  #restDue = NEVER;
  readonly #bodyPace: Pace;
  readonly #readPace: Pace;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, options: ClientOptions) {
    this.#stream = stream;
    this.#headers = headers;
    this.#options = options;
    this.#reader = new ResponseReader(this, headers[":method"] ?? "");
    this.#bodyPace = new Pace(CLIENT_LIMITS.idleMs, options.minRate);
    this.#readPace = new Pace(CLIENT_LIMITS.idleMs, options.minRate);
    if (!stream.endAfterHeaders) this.#bodyPace.begin(0);
  }

  /** Reads the head and finds a backend. */
  begin(): void {
    const stream = this.#stream;
    const chunked = !stream.endAfterHeaders && this.#headers["content-length"] === undefined;
    const text = requestHeadText(this.#headers, chunked);
    const head = parseRequestHead(text);
    if (text.length > MAX_HEAD_BYTES) return this.#refuse(HEAD_TOO_LARGE);
    if (head.kind === "refused")
      return this.#refuse({ status: head.status, substatus: 0, reason: head.reason });
    const { facts, router, maxBodyBytes } = this.#options;
    if (head.framing.kind === "length" && head.framing.bytes > maxBodyBytes)
      return this.#refuse(bodyTooLarge(maxBodyBytes));
    const exchange = new Exchange(head, forwardedHead(head, facts), this);
    this.#exchange = exchange;
    this.#listen(exchange, chunked);
    router.route(exchange);
  }

  close(): void {
    this.closing = true;
  }

  /** Every second. A stream can end, and its client stop reading, without any event. */
  sweep(now: number): void {
    if (this.#lost) this.#gone();
    if (this.#restDue <= now) {
      this.#exchange?.clientGone("ended");
      this.exchangeOver();
    } else if (this.#due <= now) {
      this.#exchange?.expired();
    } else if (Math.min(this.#bodyPace.until, this.#readPace.until) <= now) {
      this.cut();
    }
  }

  /** The client has to read before there is more. */
  get awaitsReader(): boolean {
    return this.#readPace.running;
  }

  readerTook(bytes: number): void {
    this.#read += bytes;
    this.#readPace.reached(this.#read);
  }

  write(bytes: string | Buffer): boolean {
    if (this.#lost) return true;
    this.#reader.read(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    if (!this.#stream.writableNeedDrain) return true;
    this.#awaitReader();
    return false;
  }

  cork(): void {
    this.#stream.cork();
  }

  uncork(): void {
    this.#stream.uncork();
  }

  pause(withinMs: number = CLIENT_LIMITS.idleMs): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#bodyPace.hold();
    this.expect(withinMs);
    this.#stream.pause();
  }

  resume(): void {
    if (this.#paused) this.#due = NEVER;
    this.#paused = false;
    this.#bodyPace.goOn();
    this.#stream.resume();
  }

  expect(withinMs: number): void {
    this.#due = Date.now() + withinMs;
  }

  fail(failure: Failure, head: RequestHead): number {
    return this.#respond(failure, head.method === "HEAD", isMadeHere(head, this.#options.local));
  }

  ended(record: ExchangeRecord, cut: boolean): void {
    this.#options.ended?.(record, cut, this.#options.facts);
  }

  exchangeOver(): void {
    const stream = this.#stream;
    this.#due = NEVER;
    this.#restDue = NEVER;
    this.#bodyPace.end();
    if (!stream.writableEnded) stream.end();
    if (!stream.writableFinished) this.#awaitReader();
    if (stream.endAfterHeaders || stream.readableEnded || stream.closed) return;
    // The answer is whole, so what is left of the request need not come (RFC 9113 section 8.1).
    this.#closedHere = true;
    const close = (): void => closeStream(this, stream, constants.NGHTTP2_NO_ERROR);
    if (stream.writableFinished) close();
    else stream.once("finish", close);
  }

  splice(): void {
    this.cut(); // HTTP/2 has no upgrade, so none was asked for.
  }

  end(): void {
    this.exchangeOver();
  }

  broken(error: unknown): void {
    this.#options.defect(error);
    this.#exchange?.fail(DEFECT);
    if (!this.#stream.headersSent || !this.#stream.writableEnded) this.cut();
  }

  cut(): void {
    this.#closedHere = true;
    this.#due = NEVER;
    this.#restDue = NEVER;
    closeStream(this, this.#stream, constants.NGHTTP2_INTERNAL_ERROR);
    // Where the connection is stuck the reset does not get out: the next sweep destroys the stream.
    this.#readPace.until = Date.now();
  }

  carries(head: ResponseHead): boolean {
    return isHttp2Status(head.status);
  }

  informed(head: ResponseHead): void {
    if (!this.#lost && !this.#stream.headersSent) this.#stream.additionalHeaders(http2Headers(head));
  }

  answered(head: ResponseHead, body: Buffer | undefined, done: boolean): void {
    if (this.#lost) return;
    this.#decoder = new BodyScanner(head.framing, {
      part: (bytes) => this.#send(bytes),
      trailers: (fields) => (this.#trailers = http2Trailers(fields)),
    });
    const endStream = done && body === undefined && this.#stream.readableEnded;
    // Where no length tells the client, nothing may look like the end before the answer is whole.
    const waitForTrailers = head.framing.kind === "chunked" || head.framing.kind === "close";
    this.#stream.respond(http2Headers(head), { endStream, waitForTrailers });
    this.answering(body ?? Buffer.alloc(0), done);
  }

  /** Where the answer is whole before the request, it ends a little later: ending at once would break off what is on its way. */
  answering(body: Buffer, done: boolean): void {
    if (this.#lost) return;
    this.#decoder?.scan(body, 0);
    if (done && !this.#stream.readableEnded) this.#restDue = Date.now() + CLIENT_LIMITS.lingerMs;
  }

  garbled(): void {
    this.cut();
  }

  #listen(exchange: Exchange, chunked: boolean): void {
    let trailers = "";
    guardEvents(this, this.#stream, {
      data: (_, part: Buffer) => this.#body(exchange, part, chunked),
      trailers: (_, fields: IncomingHttpHeaders) => {
        trailers = passableTrailers(fieldLines(fields));
      },
      end: () => this.#bodyEnd(exchange, chunked ? `0\r\n${trailers}\r\n` : ""),
      drain: () => this.#drained(exchange),
      wantTrailers: () => this.#stream.sendTrailers(this.#trailers),
      aborted: () => this.#gone(),
      close: () => this.#gone(),
    });
  }

  /** The client has ended the stream, whichever way; node:http2 throws for whoever goes on with it. */
  get #lost(): boolean {
    return this.#stream.destroyed || (this.#stream.closed && !this.#closedHere);
  }

  #gone(): void {
    this.#exchange?.clientGone("lost");
    // What has come meanwhile is thrown away: until it is read, the stream does not close.
    this.#stream.resume();
  }

  #body(exchange: Exchange, part: Buffer, chunked: boolean): void {
    this.#bodyBytes += part.length;
    this.#bodyPace.reached(this.#bodyBytes);
    if (this.#restDue !== NEVER) this.#restDue = Date.now() + CLIENT_LIMITS.lingerMs;
    if (this.#bodyBytes > this.#options.maxBodyBytes) {
      exchange.fail(bodyTooLarge(this.#options.maxBodyBytes));
    } else if (chunked) {
      exchange.body(
        Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]),
      );
    } else {
      exchange.body(part);
    }
  }

  /** A reset without an error looks like an end too. Were it taken for one, the next request would become the rest of this. */
  #bodyEnd(exchange: Exchange, lastChunk: string): void {
    const { framing } = exchange.head;
    if (this.#lost || (framing.kind === "length" && this.#bodyBytes !== framing.bytes)) {
      this.#gone();
      return;
    }
    this.#bodyPace.end();
    this.#due = NEVER;
    if (lastChunk !== "") exchange.body(Buffer.from(lastChunk, "latin1"));
    exchange.bodyDone();
  }

  #drained(exchange: Exchange): void {
    this.#readPace.end();
    exchange.clientDrained();
  }

  #refuse(failure: Failure): void {
    this.#stream.resume();
    this.#respond(failure, this.#headers[":method"] === "HEAD", false);
  }

  /** `local`: the client is on this machine. */
  #respond(failure: Failure, head: boolean, local: boolean): number {
    const response = Buffer.from(failureResponse(failure, { local, keepAlive: true, head }), "latin1");
    this.write(response);
    this.exchangeOver();
    return response.length;
  }

  #send(bytes: Buffer): void {
    if (this.#stream.writableEnded) return; // HEAD, or a status that has no body.
    this.#stream.write(bytes);
  }

  #awaitReader(): void {
    if (!this.#readPace.running) this.#readPace.begin(this.#read);
  }
}
