import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { ResponseHead } from "../http1/response-head.ts";

/** Fields of one connection: HTTP/2 has none of them (RFC 9113 section 8.2.2), and node:http2 refuses to send them. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** Of these node:http2 sends no second one. None is a list, so the last counts. */
const SINGLE_VALUE: ReadonlySet<string> = new Set([
  "access-control-allow-credentials",
  "access-control-max-age",
  "access-control-request-method",
  "age",
  "authorization",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-md5",
  "content-range",
  "content-type",
  "date",
  "dnt",
  "etag",
  "expires",
  "from",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "range",
  "referer",
  "retry-after",
  "tk",
  "upgrade-insecure-requests",
  "user-agent",
  "x-content-type-options",
]);

/** Without these a client takes the stream for broken where there is no body to measure. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205]);
const FRAMING: ReadonlySet<string> = new Set(["content-length", "host", "trailer"]);
const NOTHING: ReadonlySet<string> = new Set();
const LENGTH: ReadonlySet<string> = new Set(["content-length"]);

/** HTTP/2 can carry the answer: RFC 9110 section 15 knows no status beyond. */
export function isHttp2Status(status: number): boolean {
  return status >= 100 && status <= 599 && status !== 101;
}

/** A head as node:http2 sends it, interim ones included; never throws for what parseResponseHead lets pass. */
export function http2Headers({ status, fields }: ResponseHead): OutgoingHttpHeaders {
  const bodiless = status < 200 || WITHOUT_BODY.has(status);
  return { ...http2Fields(fields, bodiless ? LENGTH : NOTHING), ":status": status };
}

/** Field lines behind a body, without those that only a head may have. */
export function http2Trailers(fields: string): OutgoingHttpHeaders {
  return http2Fields(fields, FRAMING);
}

function http2Fields(fields: string, dropped: ReadonlySet<string>): OutgoingHttpHeaders {
  const values = new Map<string, string[]>();
  for (const line of fields.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    if (colon < 1 || OF_CONNECTION.has(name) || dropped.has(name)) continue;
    const value = withoutBlanks(line, colon + 1);
    const before = SINGLE_VALUE.has(name) ? undefined : values.get(name);
    if (before === undefined) values.set(name, [value]);
    else before.push(value);
  }
  // Names come from the application: fromEntries makes own properties, of "__proto__" too.
  return Object.fromEntries(values);
}

/** A request's head as HTTP/1.1 text, for the same strict parser that HTTP/1.1 clients meet. */
export function requestHeadText(headers: IncomingHttpHeaders, chunked: boolean): string {
  const authority = headers[":authority"] ?? headers.host ?? "";
  const coding = chunked ? "Transfer-Encoding: chunked\r\n" : "";
  const start = `${headers[":method"] ?? ""} ${headers[":path"] ?? ""} HTTP/1.1\r\n`;
  return `${start}Host: ${authority}\r\n${fieldLines(headers, "host")}${coding}`;
}

/** Field lines, each ended by CRLF. Cookies may come in several fields, which HTTP/1.1 has to see as one (RFC 9113 section 8.2.3). */
export function fieldLines(headers: IncomingHttpHeaders, except = ""): string {
  let lines = "";
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(":") || name === except || value === undefined) continue;
    const values = typeof value === "string" ? [value] : name === "cookie" ? [value.join("; ")] : value;
    for (const one of values) lines += `${name}: ${one}\r\n`;
  }
  return lines;
}

/** Blanks and tabs are all that surrounds a value (RFC 9110 section 5.5); trim would take bytes above ASCII too. */
function withoutBlanks(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start += 1;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end -= 1;
  return line.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
