import type { Random } from "../random.ts";

/** Where requests go. */
export interface Place {
  readonly host: string;
  target(random: Random): string;
}

const METHODS = [
  "GET",
  "GET",
  "POST",
  "POST",
  "HEAD",
  "PUT",
  "OPTIONS",
  "DELETE",
  "PATCH",
  "M-SEARCH",
  "x",
] as const;
/** What decides where a message ends, who is asked and what ends at this hop, in sound and unsound spellings. */
const FIELDS = [
  "Content-Length: 5",
  "Content-Length:5",
  "Content-Length: 0",
  "Content-Length: 11",
  "Content-Length: +5",
  "Content-Length: 5, 5",
  "content-length: 0005",
  "Transfer-Encoding: chunked",
  "transfer-encoding: Chunked",
  "Transfer-Encoding: identity",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding:\tchunked\t",
  "Transfer-Encoding: chunked\xa0",
  "Content-Length: 5\xa0",
  "Connection: close",
  "Connection: keep-alive, host",
  "Connection: content-length, x-a",
  "Connection: transfer-encoding",
  "Connection: upgrade",
  "Connection: Upgrade, HTTP2-Settings",
  "Upgrade: websocket",
  "Upgrade: h2c",
  'Upgrade: "h2c"',
  "Upgrade: h2c/1",
  "Keep-Alive: timeout=5",
  "Proxy-Connection: keep-alive",
  "TE: trailers",
  "TE: gzip, trailers",
  "Trailer: X-Sum",
  "Expect: 100-continue",
  "Host: other",
  "Host: [::1]:80",
  "X-Forwarded-For: 1.2.3.4",
  "X-Forwarded-Host: other",
  "X-Forwarded-Proto: https",
  "Forwarded: for=1.2.3.4",
  "MS-ASPNETCORE-TOKEN: t",
  "X-IIS-WindowsAuthToken: 1",
  "X-A: y",
  "X-A:",
  "constructor: 1",
  "__proto__: 1",
  "Cookie: a=b; c=d",
] as const;
const BODIES = [
  "",
  "hello",
  "hello world",
  "0\r\n\r\n",
  "5\r\nhello\r\n0\r\n\r\n",
  "5;x=y\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
  "A\r\n0123456789\r\n1\r\n-\r\n00\r\n\r\n",
] as const;
const PIECES = [
  "\r\n",
  "\r\n\r\n",
  "\n",
  "\r",
  " ",
  "\t",
  "\0",
  "\x0b",
  "\x0c",
  "\x80",
  "\x85",
  "\xa0",
  "\xff",
  ",",
  ";",
  ":",
  "0",
  "1",
  "5",
  "a",
  "-",
  "+",
  '"',
  "chunked",
  "identity",
  "\r\n ",
  "Content-Length: 4\r\n",
  "Transfer-Encoding: chunked\r\n",
  "GET /smuggled HTTP/1.1\r\nHost: s\r\n\r\n",
  "HTTP/1.1",
] as const;

const TARGETS = [
  "/",
  "/a?b=c",
  "/%2e%2e/x",
  "/a#b",
  "*",
  "http://other/x",
  "https://other",
  "//x",
  "/\xe9",
  "a:1",
] as const;

/** Any place. */
export const ANYWHERE: Place = { host: "a.example", target: (random) => random.pick(TARGETS) };

/** One to four requests behind one another, at times with wrong bytes. */
export function requestText(random: Random, place: Place = ANYWHERE): string {
  const text = random.list(1 + random.below(4), () => oneRequest(random, place)).join("");
  return random.mutated(text, random.onceIn(3) ? 0 : 1 + random.below(3), PIECES);
}

/** A request that has to be understood, and the fields that have to go on as they are. */
export function soundRequest(random: Random): { readonly text: string; readonly fields: readonly string[] } {
  const fields: string[] = [];
  for (let count = random.below(8); count > 0; count -= 1) fields.push(`X-${count}`, printable(random));
  const body = "x".repeat(random.below(20));
  const lines = fields.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${fields[at + 1]}\r\n`] : []));
  const length = body === "" ? "" : `Content-Length: ${body.length}\r\n`;
  return { text: `POST /a HTTP/1.1\r\nHost: a\r\n${lines.join("")}${length}\r\n${body}`, fields };
}

function oneRequest(random: Random, place: Place): string {
  const lines = random.list(random.below(5), () => `${random.pick(FIELDS)}\r\n`).join("");
  const long = random.onceIn(200) ? `X-Long: ${"l".repeat(random.below(20_000))}\r\n` : "";
  const many = random.onceIn(200) ? "X-Many: m\r\n".repeat(random.below(120)) : "";
  const version = random.onceIn(8) ? "HTTP/1.0" : "HTTP/1.1";
  const head = `${random.pick(METHODS)} ${place.target(random)} ${version}\r\nHost: ${place.host}\r\n`;
  return `${head}${lines}${long}${many}\r\n${random.pick(BODIES)}`;
}

function printable(random: Random): string {
  let text = "v";
  for (let count = random.below(12); count > 0; count -= 1)
    text += String.fromCharCode(0x20 + random.below(95));
  return text.trimEnd();
}
