import { withoutFields } from "./request-head.ts";
import {
  CHUNKED,
  DIGITS,
  FIELD_LINES,
  NO_BODY,
  STATUS_LINE,
  UNTIL_CLOSE,
  framingFields,
  listMembers,
  trimBlanks,
  type Framing,
} from "./syntax.ts";

/** Backends may set many cookies; the limit only bounds memory. */
export const MAX_RESPONSE_HEAD_BYTES = 64 * 1024;

export interface ResponseHead {
  readonly status: number;
  /** Status line as the backend sent it, in HTTP/1.1, without CRLF. */
  readonly line: string;
  /** The field lines that go on to the client, each ended by CRLF. */
  readonly fields: string;
  readonly framing: Framing;
  /** The backend's connection can carry another request. */
  readonly keepAlive: boolean;
  /** How long the backend promises to keep it open, milliseconds; 0: it promised nothing. */
  readonly keepAliveMs: number;
  readonly upgrade: string;
}

/** Reads a backend's response head; where it is malformed, gives what is wrong with it. `text` as for parseRequestHead. */
export function parseResponseHead(text: string, method: string): ResponseHead | string {
  const lineEnd = text.indexOf("\r\n");
  const line = text.slice(0, lineEnd);
  const parts = STATUS_LINE.exec(line);
  const fieldText = text.slice(lineEnd + 2);
  if (parts === null) return "its first line is no status line";
  if (!FIELD_LINES.test(fieldText)) return "a line of its head is no field";
  const status = Number(parts[2]);
  return new ResponseWalk(fieldText).head(`HTTP/1.1${line.slice(8)}`, status, parts[1] === "1", method);
}

class ResponseWalk {
  readonly text: string;
  #kept = "";
  #runStart = 0;
  #connection = "";
  #keepAlive = "";
  #length: string | undefined;
  #coding: string | undefined;
  #upgrade = "";

  constructor(text: string) {
    this.text = text;
  }

  head(line: string, status: number, persistent: boolean, method: string): ResponseHead | string {
    this.#walk();
    const options = this.#connection === "" ? [] : listMembers(this.#connection);
    const framing = this.#framing(status, method);
    if (typeof framing === "string") return framing;
    if (options === undefined) return "Connection is no list of names";
    const hint = /timeout=(\d{1,6})/i.exec(this.#keepAlive)?.[1];
    return {
      status,
      line,
      fields:
        withoutFields(this.#kept + this.text.slice(this.#runStart), options) + this.#framingFields(status),
      framing,
      keepAlive: persistent && framing !== UNTIL_CLOSE && !options.includes("close"),
      keepAliveMs: hint === undefined ? 0 : Number(hint) * 1000,
      upgrade: status === 101 ? this.#upgrade : "",
    };
  }

  #walk(): void {
    const { text } = this;
    for (let start = 0; start < text.length;) {
      const colon = text.indexOf(":", start);
      const next = text.indexOf("\r\n", colon) + 2;
      if (this.#endsHere(text, start, colon, next)) {
        if (start > this.#runStart) this.#kept += text.slice(this.#runStart, start);
        this.#runStart = next;
      }
      start = next;
    }
  }

  #endsHere(text: string, start: number, colon: number, next: number): boolean {
    switch (colon - start) {
      case 7:
      case 10:
      case 14:
      case 16:
      case 17:
        return this.#take(
          text.slice(start, colon).toLowerCase(),
          trimBlanks(text.slice(colon + 1, next - 2)),
        );
      default:
        return false;
    }
  }

  #take(name: string, value: string): boolean {
    switch (name) {
      case "connection":
        this.#connection += `,${value}`;
        return true;
      case "keep-alive":
        this.#keepAlive = value;
        return true;
      case "proxy-connection":
        return true;
      case "upgrade":
        this.#upgrade = value;
        return true;
      case "content-length":
        this.#length = this.#length === undefined || this.#length === value ? value : "conflict";
        return true;
      case "transfer-encoding":
        this.#coding = this.#coding === undefined ? value : "conflict";
        return true;
      default:
        return false;
    }
  }

  /** Or what is wrong with the fields that say it. */
  #framing(status: number, method: string): Framing | string {
    const { length, coding } = { length: this.#length, coding: this.#coding };
    if (coding === "conflict") return "Transfer-Encoding comes twice";
    if (coding !== undefined && !/^chunked$/i.test(coding))
      return "Transfer-Encoding is another than chunked";
    if (coding !== undefined && length !== undefined)
      return "Content-Length and Transfer-Encoding come together";
    if (length === "conflict") return "Content-Length comes with several values";
    if (length !== undefined && !DIGITS.test(length)) return "Content-Length is no number";
    if (method === "HEAD" || status < 200 || status === 204 || status === 304) return NO_BODY;
    if (coding !== undefined) return CHUNKED;
    if (length === undefined) return UNTIL_CLOSE;
    return Number(length) === 0 ? NO_BODY : { kind: "length", bytes: Number(length) };
  }

  /** An answer to HEAD and a 304 tell how long the body would be; a 1xx and a 204 have no such field (RFC 9110 section 8.6). */
  #framingFields(status: number): string {
    if (status < 200 || status === 204) return "";
    return framingFields(
      this.#length === undefined ? undefined : Number(this.#length),
      this.#coding !== undefined,
    );
  }
}
