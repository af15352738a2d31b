import { passableTrailers } from "./trailers.ts";
import { FIELD_LINES, TOKEN, type Framing } from "./syntax.ts";

/** A chunk's size line and the trailers are bounded, or a sender could make us read without end. */
export const MAX_CHUNK_LINE_BYTES = 1024;
export const MAX_TRAILER_BYTES = 16 * 1024;

// Extensions as RFC 9112 section 7.1.1 has them, or readers further on might refuse the body half-way; blanks stand behind
// the size where servers keep room for a longer one.
const EXTENSION = `;${TOKEN}(?:=(?:${TOKEN}|"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"))?`;
const SIZE_LINE = new RegExp(`^([0-9A-Fa-f]{1,13})(?:[\\t ]*|(?:${EXTENSION})+)\\r\\n$`);
const LF = 0x0a;
const CR = 0x0d;

type Part =
  | { readonly kind: "data"; left: number }
  /** The CRLF after a chunk's data. */
  | { readonly kind: "data-end"; seen: number }
  | { readonly kind: "size"; line: string }
  | { readonly kind: "trailers"; text: string }
  | { readonly kind: "done" };

/** For who needs a body without its framing. */
export interface BodyParts {
  part(bytes: Buffer): void;
  /** The field lines behind a chunked body, each ended by CRLF; none where there are none. */
  trailers(fields: string): void;
}

/** Finds where a body ends in a stream of buffers; what it scans is passed on as it came, but for trailers that may be none. */
export class BodyScanner {
  #part: Part;
  readonly #chunked: boolean;
  readonly #parts: BodyParts | undefined;
  /** Where the trailers begin in the buffer that was scanned last; once they are whole, their bytes and what is left of them. */
  #trailersAt: number | undefined;
  #trailerBytes = 0;
  #trailers = "";

  constructor(framing: Framing, parts?: BodyParts) {
    this.#chunked = framing.kind === "chunked";
    this.#parts = parts;
    switch (framing.kind) {
      case "none":
        this.#part = { kind: "done" };
        break;
      case "length":
        this.#part = { kind: "data", left: framing.bytes };
        break;
      case "chunked":
        this.#part = { kind: "size", line: "" };
        break;
      case "close":
        this.#part = { kind: "data", left: Number.POSITIVE_INFINITY };
        break;
      default:
        framing satisfies never;
        this.#part = { kind: "done" };
    }
  }

  get done(): boolean {
    return this.#part.kind === "done";
  }

  /** The index behind the body's last byte in this buffer (its length while the body goes on), or -1 where malformed. */
  scan(buffer: Buffer, from: number): number {
    let at = from;
    this.#trailersAt = this.#part.kind === "trailers" ? from : undefined;
    while (at >= 0 && at < buffer.length && this.#part.kind !== "done")
      at = this.#step(this.#part, buffer, at);
    return at;
  }

  /** What goes on of the buffer that was scanned last, up to its `end`: all of it, but of the trailers only those that may be. */
  passed(buffer: Buffer, end: number): Buffer {
    const at = this.#trailersAt;
    if (at === undefined) return end === buffer.length ? buffer : buffer.subarray(0, end);
    const trailers = this.done ? Buffer.from(`${this.#trailers}\r\n`, "latin1") : Buffer.alloc(0);
    // Nearly always they are in one buffer and none is taken away.
    const whole = this.done && this.#trailerBytes === end - at && this.#trailerBytes === trailers.length;
    if (whole) return end === buffer.length ? buffer : buffer.subarray(0, end);
    return Buffer.concat([buffer.subarray(0, at), trailers]);
  }

  #step(part: Part, buffer: Buffer, at: number): number {
    switch (part.kind) {
      case "data": {
        const taken = Math.min(part.left, buffer.length - at);
        part.left -= taken;
        this.#parts?.part(buffer.subarray(at, at + taken));
        if (part.left === 0) this.#part = this.#chunked ? { kind: "data-end", seen: 0 } : { kind: "done" };
        return at + taken;
      }
      case "data-end":
        if (buffer[at] !== (part.seen === 0 ? CR : LF)) return -1;
        part.seen += 1;
        if (part.seen === 2) this.#part = { kind: "size", line: "" };
        return at + 1;
      case "size":
        return this.#sizeLine(part, buffer, at);
      case "trailers":
        return this.#trailerLine(part, buffer, at);
      case "done":
        return at;
      default:
        return part satisfies never;
    }
  }

  #sizeLine(part: { line: string }, buffer: Buffer, at: number): number {
    const end = lineEnd(buffer, at);
    part.line += buffer.toString("latin1", at, end);
    if (part.line.length > MAX_CHUNK_LINE_BYTES) return -1;
    if (!part.line.endsWith("\n")) return end;
    const size = SIZE_LINE.exec(part.line)?.[1];
    if (size === undefined) return -1;
    const left = Number.parseInt(size, 16);
    if (left === 0) this.#trailersAt = end;
    this.#part = left === 0 ? { kind: "trailers", text: "" } : { kind: "data", left };
    return end;
  }

  #trailerLine(part: { text: string }, buffer: Buffer, at: number): number {
    const end = lineEnd(buffer, at);
    part.text += buffer.toString("latin1", at, end);
    if (part.text.length > MAX_TRAILER_BYTES) return -1;
    if (part.text === "\r\n" || part.text.endsWith("\r\n\r\n")) {
      if (!FIELD_LINES.test(part.text.slice(0, -2))) return -1;
      this.#part = { kind: "done" };
      this.#trailerBytes = part.text.length;
      this.#trailers = passableTrailers(part.text.slice(0, -2));
      if (this.#trailers !== "") this.#parts?.trailers(this.#trailers);
    } else if (part.text.endsWith("\n") && !part.text.endsWith("\r\n")) {
      return -1;
    }
    return end;
  }
}

function lineEnd(buffer: Buffer, at: number): number {
  const end = buffer.indexOf(LF, at);
  return end === -1 ? buffer.length : end + 1;
}
