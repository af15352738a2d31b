import { BodyScanner } from "./http1/body.ts";
import { MAX_RESPONSE_HEAD_BYTES, parseResponseHead, type ResponseHead } from "./http1/response-head.ts";

/** Who gets a response, piece by piece. */
export interface ResponseSink {
  /** 100 to 199 except 101: another head follows. */
  informed(head: ResponseHead): void;
  /** The final head, or 101, with what came of the body in the same buffer; `done`: that was all of it. */
  answered(head: ResponseHead, body: Buffer | undefined, done: boolean): void;
  /** More of the body, framed as on the wire. */
  answering(body: Buffer, done: boolean): void;
  /** What the backend sent is no HTTP response; `why`, where it is known. */
  garbled(why?: string): void;
}

type Reading =
  | { readonly kind: "head"; readonly seen: Buffer | undefined }
  | { readonly kind: "body"; readonly scanner: BodyScanner; readonly untilClose: boolean }
  | { readonly kind: "over" };

const NOTHING_SEEN: Reading = { kind: "head", seen: undefined };
const OVER: Reading = { kind: "over" };
/** Interim answers to one request; clients give up on more, most of them sooner. Together they may be as long as one head. */
export const MAX_INTERIM = 100;
const HEAD_END = Buffer.from("\r\n\r\n");

/** Cuts the bytes of a backend's connection into one response. */
export class ResponseReader {
  readonly #sink: ResponseSink;
  readonly #method: string;
  #reading: Reading = NOTHING_SEEN;
  #interim = 0;
  #interimBytes = 0;

  constructor(sink: ResponseSink, method: string) {
    this.#sink = sink;
    this.#method = method;
  }

  read(chunk: Buffer): void {
    switch (this.#reading.kind) {
      case "head":
        this.#readHead(this.#reading.seen === undefined ? chunk : Buffer.concat([this.#reading.seen, chunk]));
        return;
      case "body":
        this.#readBody(this.#reading.scanner, chunk);
        return;
      case "over":
        this.#sink.garbled("it is longer than it said");
        return;
      default:
        this.#reading satisfies never;
    }
  }

  /** The backend has closed its side: the end of a body that ends with the connection. */
  end(): void {
    if (this.#reading.kind !== "body" || !this.#reading.untilClose) return;
    this.#reading = OVER;
    this.#sink.answering(Buffer.alloc(0), true);
  }

  #readHead(buffer: Buffer): void {
    let rest: Buffer | undefined = buffer;
    // One head after another: a buffer may hold thousands of interim ones.
    while (rest !== undefined) {
      const end: number = rest.indexOf(HEAD_END);
      if ((end === -1 ? rest.length : end) > MAX_RESPONSE_HEAD_BYTES) return this.#garbled();
      if (end === -1) {
        this.#reading = { kind: "head", seen: rest };
        return;
      }
      const head = parseResponseHead(rest.toString("latin1", 0, end + 2), this.#method);
      if (typeof head === "string") return this.#garbled(head);
      rest = end + 4 < rest.length ? rest.subarray(end + 4) : undefined;
      if (head.status >= 200) return this.#answer(head, rest);
      if (head.status === 101) {
        this.#reading = OVER;
        this.#sink.answered(head, rest, true);
        return;
      }
      this.#interim += 1;
      this.#interimBytes += end;
      if (this.#interim > MAX_INTERIM || this.#interimBytes > MAX_RESPONSE_HEAD_BYTES) return this.#garbled();
      this.#reading = NOTHING_SEEN;
      this.#sink.informed(head);
    }
  }

  #answer(head: ResponseHead, rest: Buffer | undefined): void {
    const scanner = new BodyScanner(head.framing);
    const end = rest === undefined ? 0 : scanner.scan(rest, 0);
    // Bytes behind the end would be taken for the next response of this connection.
    if (end === -1 || (rest !== undefined && end < rest.length)) return this.#garbled();
    this.#reading = scanner.done
      ? OVER
      : { kind: "body", scanner, untilClose: head.framing.kind === "close" };
    this.#sink.answered(head, rest === undefined ? rest : scanner.passed(rest, end), scanner.done);
  }

  #readBody(scanner: BodyScanner, chunk: Buffer): void {
    const end = scanner.scan(chunk, 0);
    if (end === -1 || end < chunk.length) return this.#garbled();
    if (scanner.done) this.#reading = OVER;
    this.#sink.answering(scanner.passed(chunk, end), scanner.done);
  }

  #garbled(why?: string): void {
    this.#reading = OVER;
    this.#sink.garbled(why);
  }
}
