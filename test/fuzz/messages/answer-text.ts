import type { Random } from "../random.ts";

const STATUSES = [
  "200 OK",
  "200",
  "204 No Content",
  "206 Partial Content",
  "301 Moved",
  "304 Not Modified",
  "404 Not Found",
  "413 Too Large",
  "500 Oops",
  "503 Busy",
  "205 Reset Content",
  "100 Continue",
  "101 Switching Protocols",
  "102 Processing",
  "103 Early Hints",
  "199 Odd",
  "299 Odd",
  "600 Odd",
  "999 Odd",
  "099 Odd",
  "20 Short",
] as const;
const FIELDS = [
  "Content-Type: text/plain",
  "Content-Type: text/html",
  "ETag: a",
  "Location: /x",
  "Date: Sun, 06 Nov 1994 08:49:37 GMT",
  "Set-Cookie: a=b",
  "X-Content-Type-Options: nosniff",
  "Access-Control-Allow-Credentials: true",
  "Age: 1",
  "Server: s",
  "TE: trailers",
  "TE: gzip",
  "HTTP2-Settings: x",
  "Host: a",
  "constructor: 1",
  "__proto__: 1",
  "toString: 1",
  "Connection: close",
  "Connection: keep-alive, x-a",
  "Connection: content-length",
  "Keep-Alive: timeout=5",
  "Keep-Alive: timeout=999999999999",
  "Proxy-Connection: close",
  "Upgrade: websocket",
  "Upgrade: h2c",
  "Trailer: X-Sum",
  "X-Obs: \xe9\x80\xff",
  "X-Tab: a\tb",
  "X-Empty:",
  "Link: </a.css>; rel=preload",
] as const;
const FRAMES = [
  "Content-Length: 5",
  "Content-Length: 0",
  "Content-Length: 12",
  "Content-Length: 5\r\nContent-Length: 5",
  "Content-Length: 5\r\nContent-Length: 6",
  "Content-Length: 5, 5",
  "Content-Length: 5\xa0",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: Chunked",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: chunked\xa0",
  "Transfer-Encoding: chunked\r\nContent-Length: 5",
  "Transfer-Encoding: identity",
] as const;
const TRAILERS = [
  "X-Sum: 1\r\n",
  "X-Sum: 1\r\nX-Sum: 2\r\n",
  "Content-Type: a\r\nContent-Type: b\r\n",
  "Connection: close\r\n",
  "TE: trailers\r\n",
  "constructor: 1\r\n",
  "__proto__: 1\r\n__proto__: 2\r\n",
  "Content-Length: 4\r\n",
  "X-\x80: 1\r\n",
] as const;
const PIECES = [
  "\r\n",
  "\n",
  "\r",
  " ",
  "\0",
  "\t",
  "\xa0",
  ":",
  ",",
  "0",
  "5",
  "\r\n\r\n",
  "\r\n ",
  "HTTP/1.1 200 OK\r\n",
] as const;

/** A sound answer, at times with a status, fields or trailers that few expect. */
export function answerText(random: Random): string {
  const interim = random.onceIn(6) ? interimHeads(random) : "";
  const fields = random.list(random.below(4), () => `${random.pick(FIELDS)}\r\n`);
  const twice = random.onceIn(5) ? (fields[0] ?? "") : "";
  const status = random.onceIn(3) ? random.pick(STATUSES) : "200 OK";
  const version = random.onceIn(10) ? "HTTP/1.0" : "HTTP/1.1";
  return `${interim}${version} ${status}\r\n${fields.join("")}${twice}${framed(random)}`;
}

/** An answer with wrong bytes in it, too much or too little of it, or none at all. */
export function hostileAnswerText(random: Random): string {
  switch (random.below(8)) {
    case 0:
      return random.noise(random.below(300));
    case 1:
      return `HTTP/1.1 200 OK\r\nX-Long: ${"l".repeat(random.below(longest(random)))}\r\nContent-Length: 0\r\n\r\n`;
    case 2:
      return `${answerText(random)}${answerText(random)}`;
    case 3:
      // As many as fit into what a socket is read with at once.
      return random.onceIn(50)
        ? "HTTP/1.1 100\r\n\r\n".repeat(random.pick([100, 1_000, 4_090]))
        : interimHeads(random);
    default:
      return random.mutated(answerText(random), 1 + random.below(4), PIECES);
  }
}

function longest(random: Random): number {
  return random.onceIn(50) ? 100_000 : 200;
}

function interimHeads(random: Random): string {
  return random
    .list(1 + random.below(3), () => {
      const status = random.pick(["100 Continue", "102 Processing", "103 Early Hints", "199 Odd"]);
      const field = random.onceIn(2) ? `${random.pick(FIELDS)}\r\n` : "";
      return `HTTP/1.1 ${status}\r\n${field}${random.onceIn(4) ? field : ""}\r\n`;
    })
    .join("");
}

/** The field that frames the body, the end of the head, and the body. */
function framed(random: Random): string {
  switch (random.below(6)) {
    case 0:
    case 1: {
      const body = random.noise(random.below(200));
      return `Content-Length: ${body.length}\r\n\r\n${body}`;
    }
    case 2:
    case 3: {
      const chunks = random.list(random.below(4), () => {
        const data = random.noise(1 + random.below(60));
        return `${data.length.toString(16)}\r\n${data}\r\n`;
      });
      const trailers = random.onceIn(2) ? random.pick(TRAILERS) : "";
      return `Transfer-Encoding: chunked\r\n\r\n${chunks.join("")}0\r\n${trailers}\r\n`;
    }
    case 4:
      return `\r\n${random.noise(random.below(100))}`;
    default:
      return `${random.pick(FRAMES)}\r\n\r\n${random.pick(["", "hello", "hello world!", "5\r\nhello\r\n0\r\n\r\n"])}`;
  }
}
