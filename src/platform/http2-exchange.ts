import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { CLIENT_LIMITS, type ClientOptions } from "./proxy/client-options.ts";
import type { ExchangeClient, ExchangeRecord } from "./exchange-client.ts";
import { Exchange } from "./exchange.ts";
import { DEFECT, bodyTooLarge, failureResponse, type Failure } from "./failure.ts";
import { BodyScanner } from "./http1/body.ts";
import { forwardedHead } from "./http1/forwarded.ts";
import { parseRequestHead, type RequestHead } from "./http1/request-head.ts";
import { isMadeHere } from "./proxy/local.ts";
import type { ResponseHead } from "./http1/response-head.ts";
import { ResponseReader, type ResponseSink } from "./response-reader.ts";

/** One HTTP/2 stream as a client of the HTTP/1.1 forwarder: its head goes through the same strict parser. */
export class Http2Exchange implements ExchangeClient, ResponseSink {
  deadline = Date.now() + CLIENT_LIMITS.idleMs;
  closing = false;
  readonly upgraded = false;
  readonly #stream: ServerHttp2Stream;
  readonly #options: ClientOptions;
  #exchange: Exchange | undefined;
  #reader: ResponseReader | undefined;
  #decoder: BodyScanner | undefined;
  #trailers: OutgoingHttpHeaders | undefined;
  #bodyBytes = 0;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, options: ClientOptions) {
    this.#stream = stream;
    this.#options = options;
    const chunked = !stream.endAfterHeaders && headers["content-length"] === undefined;
    const head = parseRequestHead(headText(headers, chunked));
    stream.on("error", () => undefined); // "close" follows and says the same.
    if (head.kind === "refused") {
      stream.respond({ ":status": head.status }, { endStream: true });
      return;
    }
    const exchange = new Exchange(head, forwardedHead(head, options.facts), this);
    this.#exchange = exchange;
    this.#reader = new ResponseReader(this, head.method);
    let trailers = "";
    stream
      .on("data", (part: Buffer) => this.#body(exchange, part, chunked))
      .on("trailers", (fields: IncomingHttpHeaders) => (trailers = fieldLines(fields)))
      .on("end", () => {
        if (chunked) exchange.body(Buffer.from(`0\r\n${trailers}\r\n`, "latin1"));
        exchange.bodyDone();
      })
      .on("drain", () => exchange.clientDrained())
      .on("wantTrailers", () => stream.sendTrailers(this.#trailers ?? {}))
      .on("close", () => exchange.clientGone("lost"));
    options.router.route(exchange);
  }

  close(): void {
    this.closing = true;
  }

  expire(): void {
    this.#exchange?.expired();
    if (!this.#stream.closed) this.cut();
  }

  write(bytes: string | Buffer): boolean {
    this.#reader?.read(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    return !this.#stream.writableNeedDrain;
  }

  cork(): void {
    this.#stream.cork();
  }

  uncork(): void {
    this.#stream.uncork();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  expect(withinMs: number): void {
    this.deadline = Date.now() + withinMs;
  }

  fail(failure: Failure, head: RequestHead): number {
    const options = {
      local: isMadeHere(head, this.#options.local),
      keepAlive: true,
      head: head.method === "HEAD",
    };
    const response = Buffer.from(failureResponse(failure, options));
    this.write(response);
    this.exchangeOver();
    return response.length;
  }

  ended(record: ExchangeRecord, cut: boolean): void {
    this.#options.ended?.(record, cut, this.#options.facts);
  }

  exchangeOver(): void {
    if (!this.#stream.writableEnded) this.#stream.end();
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
    this.cut();
  }

  cut(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  informed(head: ResponseHead): void {
    if (!this.#stream.headersSent && !this.#stream.destroyed) this.#stream.additionalHeaders(headersOf(head));
  }

  answered(head: ResponseHead, body: Buffer | undefined, done: boolean): void {
    if (this.#stream.destroyed) return;
    this.#decoder = new BodyScanner(head.framing, {
      part: (bytes) => void this.#stream.write(bytes),
      trailers: (fields) => (this.#trailers = objectOf(fields)),
    });
    const waitForTrailers = head.framing.kind === "chunked";
    this.#stream.respond(headersOf(head), { endStream: done && body === undefined, waitForTrailers });
    if (body !== undefined) this.#decoder.scan(body, 0);
  }

  answering(body: Buffer): void {
    if (!this.#stream.destroyed) this.#decoder?.scan(body, 0);
  }

  garbled(): void {
    this.cut();
  }

  #body(exchange: Exchange, part: Buffer, chunked: boolean): void {
    this.#bodyBytes += part.length;
    this.deadline = Date.now() + CLIENT_LIMITS.idleMs;
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
}

function headText(headers: IncomingHttpHeaders, chunked: boolean): string {
  const authority = headers[":authority"] ?? headers.host ?? "";
  const coding = chunked ? "Transfer-Encoding: chunked\r\n" : "";
  const start = `${headers[":method"] ?? ""} ${headers[":path"] ?? ""} HTTP/1.1\r\n`;
  return `${start}Host: ${authority}\r\n${fieldLines(headers, "host")}${coding}`;
}

/** Cookies may come in several fields, which HTTP/1.1 has to see as one (RFC 9113 section 8.2.3). */
function fieldLines(headers: IncomingHttpHeaders, except = ""): string {
  let lines = "";
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(":") || name === except || value === undefined) continue;
    const values = typeof value === "string" ? [value] : name === "cookie" ? [value.join("; ")] : value;
    for (const one of values) lines += `${name}: ${one}\r\n`;
  }
  return lines;
}

const HTTP1_ONLY: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade"]);

function headersOf(head: ResponseHead): OutgoingHttpHeaders {
  return { ":status": head.status, ...objectOf(head.fields) };
}

function objectOf(fields: string): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = {};
  for (const line of fields.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    if (colon < 1 || HTTP1_ONLY.has(name)) continue;
    const value = line.slice(colon + 1).trim();
    const before = headers[name];
    headers[name] =
      before === undefined ? value : [...(typeof before === "string" ? [before] : before), value];
  }
  return headers;
}
