import { isClaim, isDisguised, isModuleField } from "./field-names.ts";
import {
  CHUNKED,
  DIGITS,
  FIELD_LINES,
  HOST,
  NO_BODY,
  REQUEST_LINE,
  framingFields,
  listMembers,
  protocolNames,
  trimBlanks,
  type Framing,
} from "./syntax.ts";

/** More than the module takes (IIS: 16 KiB of headers in all). */
export const MAX_HEAD_BYTES = 16 * 1024;
export const MAX_FIELDS = 100;

export interface RequestHead {
  readonly kind: "request";
  readonly method: string;
  /** Origin form, or "*". */
  readonly target: string;
  readonly minor: number;
  readonly host: string;
  /** The field lines that go on to the backend, each ended by CRLF; without those that end at this hop and the claims. */
  readonly fields: string;
  /** Field lines by which a proxy says whom it speaks for; of X-Forwarded-For, -Proto and -Host the values follow, each ended by ", ". */
  readonly claims: string;
  /** It comes from a proxy, or says so. */
  readonly proxied: boolean;
  readonly forwardedFor: string;
  readonly forwardedProto: string;
  readonly forwardedHost: string;
  readonly framing: Framing;
  /** The client keeps the connection open after the response. */
  readonly keepAlive: boolean;
  /** The protocol asked for, such as "websocket"; "" for none. */
  readonly upgrade: string;
}

/** A head that is not passed on. */
export interface Refusal {
  readonly kind: "refused";
  readonly status: 400 | 405 | 431 | 501 | 505;
  readonly reason: string;
}

/**
 * Reads a request head strictly: what two parsers could understand differently is refused (RFC 9112 section 11.2).
 * `text` is Latin-1, from the request line to the CRLF that ends the last field line.
 */
export function parseRequestHead(text: string): RequestHead | Refusal {
  const lineEnd = text.indexOf("\r\n");
  const line = REQUEST_LINE.exec(text.slice(0, lineEnd));
  if (line === null) return refused(400, "The request line is malformed.");
  const [, method = "", rawTarget = "", major, minorDigit] = line;
  if (major !== "1" || (minorDigit !== "0" && minorDigit !== "1")) {
    return refused(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
  }
  const fieldText = text.slice(lineEnd + 2);
  if (!FIELD_LINES.test(fieldText)) return refused(400, "A header field is malformed.");
  return new FieldWalk(method, Number(minorDigit), rawTarget, fieldText).head();
}

/** One pass over the field lines: runs of lines that go on stay one slice. */
class FieldWalk {
  readonly method: string;
  readonly minor: number;
  readonly rawTarget: string;
  readonly text: string;
  #kept = "";
  #runStart = 0;
  #host: string | undefined;
  #length: string | undefined;
  #coding: string | undefined;
  #connection = "";
  #upgrade = "";
  #claims = "";
  #via = false;
  #for = "";
  #proto = "";
  #forwardedHost = "";
  #problem: Refusal | undefined;

  constructor(method: string, minor: number, rawTarget: string, text: string) {
    this.method = method;
    this.minor = minor;
    this.rawTarget = rawTarget;
    this.text = text;
  }

  head(): RequestHead | Refusal {
    const count = this.#walk();
    if (this.#problem !== undefined) return this.#problem;
    if (count > MAX_FIELDS) return refused(431, `There are more than ${MAX_FIELDS} header fields.`);
    const { method, minor } = this;
    if (method === "CONNECT") return refused(405, "CONNECT is not served here.");
    const place = this.#place();
    if (place.kind === "refused") return place;
    const framing = this.#framing();
    if ("status" in framing) return framing;
    const options = this.#connection === "" ? [] : listMembers(this.#connection);
    if (options === undefined) return refused(400, "The Connection field is malformed.");
    if (/[\x80-\xff]/.test(this.#upgrade)) return refused(400, "The Upgrade field is malformed.");
    const keepAlive = minor === 1 && !options.includes("close");
    const upgrades = options.includes("upgrade") && minor === 1 && mayUpgrade(this.#upgrade);
    return {
      kind: "request",
      method,
      target: place.target,
      minor,
      host: place.host,
      fields: withoutFields(this.#fields(), options) + this.#framingFields(framing),
      claims: withoutFields(this.#claims, options),
      proxied: this.#via || `${this.#claims}${this.#for}${this.#proto}${this.#forwardedHost}` !== "",
      forwardedFor: this.#for,
      forwardedProto: this.#proto,
      forwardedHost: this.#forwardedHost,
      framing,
      keepAlive,
      upgrade: upgrades ? this.#upgrade : "",
    };
  }

  #fields(): string {
    return this.#kept + this.text.slice(this.#runStart);
  }

  /** The number of fields. */
  #walk(): number {
    const { text } = this;
    let count = 0;
    for (let start = 0; start < text.length; count += 1) {
      const colon = text.indexOf(":", start);
      const next = text.indexOf("\r\n", colon) + 2;
      if (this.#endsHere(text, start, colon, next)) {
        if (start > this.#runStart) this.#kept += text.slice(this.#runStart, start);
        this.#runStart = next;
      }
      start = next;
    }
    return count;
  }

  /** Whether the field is not for the backend as it stands. Only names that begin as one that matters does are looked at. */
  #endsHere(text: string, start: number, colon: number, next: number): boolean {
    if (LOOKED_AT[text.charCodeAt(start)] !== 1) return false;
    const name = text.slice(start, colon).toLowerCase();
    if (this.#take(name, text, colon + 1, next - 2)) return true;
    if (isClaim(name)) {
      this.#claims += text.slice(start, next);
      return true;
    }
    return isModuleField(name) || isDisguised(name);
  }

  #take(name: string, text: string, from: number, to: number): boolean {
    const value = (): string => trimBlanks(text.slice(from, to));
    switch (name) {
      case "host":
        if (this.#host !== undefined) this.#refuse("There are two Host fields.");
        this.#host = value();
        return true;
      case "content-length":
        if (this.#length !== undefined) this.#refuse("There are two Content-Length fields.");
        this.#length = value();
        return true;
      case "transfer-encoding":
        if (this.#coding !== undefined) this.#refuse("There are two Transfer-Encoding fields.");
        this.#coding = value();
        return true;
      case "connection":
        this.#connection += `,${value()}`;
        return true;
      case "upgrade":
        this.#upgrade = this.#upgrade === "" ? value() : `${this.#upgrade}, ${value()}`;
        return true;
      case "te":
        return value() !== "trailers";
      case "keep-alive":
      case "proxy-connection":
      case "http2-settings":
        return true;
      case "via":
        this.#via = true;
        return false;
      case "x-forwarded-for":
        this.#for += `${value()}, `;
        return true;
      case "x-forwarded-host":
        this.#forwardedHost += `${value()}, `;
        return true;
      case "x-forwarded-proto":
        this.#proto += `${value()}, `;
        return true;
      default:
        return false;
    }
  }

  #refuse(reason: string): void {
    this.#problem ??= refused(400, reason);
  }

  #place(): { readonly kind: "place"; readonly target: string; readonly host: string } | Refusal {
    const { rawTarget, method, minor } = this;
    let target = rawTarget;
    let host = this.#host ?? "";
    if (this.#host === undefined && minor === 1) return refused(400, "The Host field is missing.");
    if (!target.startsWith("/") && !(target === "*" && method === "OPTIONS")) {
      // Absolute form: its authority counts, not the Host field (RFC 9112 section 3.2.2).
      const absolute = /^https?:\/\/([^/?#]+)([^#]*)$/i.exec(target);
      if (absolute === null) return refused(400, "The request target is malformed.");
      const [, authority = "", rest = ""] = absolute;
      host = authority;
      target = rest.startsWith("/") ? rest : `/${rest}`;
    }
    return HOST.test(host) ? { kind: "place", target, host } : refused(400, "The Host field is malformed.");
  }

  #framing(): Framing | Refusal {
    if (this.#coding !== undefined) {
      if (this.#length !== undefined) return refused(400, "Content-Length and Transfer-Encoding conflict.");
      if (this.minor === 0) return refused(400, "HTTP/1.0 has no Transfer-Encoding.");
      return /^chunked$/i.test(this.#coding)
        ? CHUNKED
        : refused(501, "The only transfer coding served here is chunked.");
    }
    if (this.#length === undefined) return NO_BODY;
    if (!DIGITS.test(this.#length)) return refused(400, "Content-Length is no number.");
    const bytes = Number(this.#length);
    return bytes === 0 ? NO_BODY : { kind: "length", bytes };
  }

  #framingFields(framing: Framing): string {
    const length = framing.kind === "length" ? framing.bytes : 0;
    return framingFields(this.#length === undefined ? undefined : length, framing.kind === "chunked");
  }
}

/** First letters, in both cases, of the names that `#take`, isClaim, isModuleField and isDisguised know. */
const LOOKED_AT = new Uint8Array(256);
for (const letter of "cdfhkmprstuvwxCDFHKMPRSTUVWX") LOOKED_AT[letter.charCodeAt(0)] = 1;

/** An upgrade to HTTP/2 would carry requests past every check made here. */
function mayUpgrade(protocols: string): boolean {
  const names = protocolNames(protocols);
  return names !== undefined && !names.includes("h2c") && !names.includes("h2");
}

/** Without what Connection names: those fields end at this hop. What frames the message or names the host is never taken away. */
export function withoutFields(fields: string, names: readonly string[]): string {
  const dropped = names.filter((name) => !KEPT_ANYWAY.has(name));
  if (dropped.length === 0) return fields;
  const drop = new Set(dropped);
  return fields
    .split("\r\n")
    .filter((line) => !drop.has(line.slice(0, line.indexOf(":")).toLowerCase()))
    .join("\r\n");
}

const KEPT_ANYWAY: ReadonlySet<string> = new Set([
  "close",
  "keep-alive",
  "upgrade",
  "content-length",
  "transfer-encoding",
  "trailer",
  "te",
]);

function refused(status: Refusal["status"], reason: string): Refusal {
  return { kind: "refused", status, reason };
}
