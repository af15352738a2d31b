import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BodyScanner } from "#src/platform/http1/body.js";
import { forwardedHead } from "#src/platform/http1/forwarded.js";
import { parseRequestHead, type RequestHead } from "#src/platform/http1/request-head.js";
import { parseResponseHead } from "#src/platform/http1/response-head.js";
import { CHUNKED } from "#src/platform/http1/syntax.js";

const RUNS = { numRuns: 2_000 };
const CLIENT = {
  address: "10.0.0.1",
  forwardedFor: "10.0.0.1",
  scheme: "http",
  localAddress: "10.0.0.2",
  trusted: true,
} as const;

/** Names that nobody takes for another's. */
const ORDINARY =
  /^x-(?!.*_|iis-|forwarded|original-|arr-|ms-client-principal|real-ip$|client-|scheme$|url-scheme$|rewrite-url$|cluster-client-ip$|proxyuser-ip$)/i;

const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/);
const value = fc.stringMatching(/^[\x21-\x7e]([\t\x20-\x7e]{0,40}[\x21-\x7e])?$/);
const target = fc.stringMatching(/^\/[\x21-\x7e]{0,40}$/);
const interesting = fc.constantFrom(
  "Host",
  "Content-Length",
  "Transfer-Encoding",
  "Connection",
  "Upgrade",
  "TE",
  "Keep-Alive",
  "X-Forwarded-For",
  "MS-ASPNETCORE-TOKEN",
  "host",
  "CONTENT-LENGTH",
  "Trailer",
  "Expect",
);
const interestingValue = fc.constantFrom(
  "chunked",
  "4",
  "0",
  "close",
  "keep-alive, x-a",
  "upgrade",
  "websocket",
  "h2c",
  "site",
  "[::1]:80",
  "4, 4",
  "",
  "trailers",
);
const field = fc.tuple(fc.oneof(token, interesting), fc.oneof(value, interestingValue));
/** Nearly sound heads with a wrong byte here and there, and plain noise. */
const head = fc.oneof(
  fc
    .tuple(token, target, fc.array(field, { maxLength: 12 }))
    .map(
      ([method, path, fields]) =>
        `${method} ${path} HTTP/1.1\r\n${fields.map(([n, v]) => `${n}: ${v}\r\n`).join("")}`,
    ),
  fc
    .string({ unit: "binary-ascii", maxLength: 200 })
    .map((noise) => `GET / HTTP/1.1\r\nHost: a\r\n${noise}\r\n`),
  fc.string({ unit: "binary-ascii", maxLength: 200 }).map((noise) => `${noise}\r\n`),
);

test("whatever a head holds, it is refused or goes on as a head that reads the same again", () => {
  fc.assert(
    fc.property(head, (text) => {
      const parsed = parseRequestHead(text);
      if (parsed.kind === "refused") {
        ok(parsed.status >= 400 && parsed.reason !== "");
        return;
      }
      const sent = `${forwardedHead(parsed, CLIENT)}\r\n`;
      ok(sent.endsWith("\r\n\r\n"));
      equal(sent.indexOf("\r\n\r\n"), sent.length - 4, "one head only");
      equal(/[^\r]\n|\r[^\n]|\0/.test(sent), false, "no bare CR, LF or NUL");
      ok(!/^(ms-aspnetcore-|x-iis-|keep-alive:|proxy-connection:)/im.test(sent));
      const again = parseRequestHead(sent.slice(0, -2));
      equal(again.kind, "request");
      const { method, target: path, host, framing } = again as RequestHead;
      equal(method, parsed.method);
      equal(path, parsed.target);
      equal(host, parsed.host);
      equal(JSON.stringify(framing), JSON.stringify(parsed.framing));
    }),
    RUNS,
  );
});

test("ordinary fields reach the application unchanged and in their order", () => {
  const ordinary = fc.tuple(
    token.map((name) => `X-${name}`).filter((name) => !ORDINARY.test(name)),
    value,
  );
  fc.assert(
    fc.property(target, fc.array(ordinary, { maxLength: 20 }), (path, fields) => {
      const lines = fields.map(([name, text]) => `${name}: ${text}\r\n`).join("");
      const parsed = parseRequestHead(`GET ${path} HTTP/1.1\r\nHost: site\r\n${lines}`);
      equal(parsed.kind === "request" && parsed.fields, lines);
    }),
    RUNS,
  );
});

test("whatever an application answers is read or called malformed, and never throws", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        head,
        head.map((text) => text.replace(/^.*?\r\n/, "HTTP/1.1 200 OK\r\n")),
      ),
      (text) => {
        const parsed = parseResponseHead(text, "GET");
        ok(parsed === undefined || (parsed.status >= 100 && parsed.line.startsWith("HTTP/1.1 ")));
      },
    ),
    RUNS,
  );
});

test("a chunked body has the same end however it is cut into pieces", () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(
      fc.array(chunk, { maxLength: 5 }),
      fc.array(fc.nat(400), { maxLength: 8 }),
      (chunks, cuts) => {
        const body = Buffer.concat([
          ...chunks.flatMap((bytes) => [
            Buffer.from(`${bytes.length.toString(16)};x=y\r\n`),
            bytes,
            Buffer.from("\r\n"),
          ]),
          Buffer.from("0\r\nX-Sum: 1\r\n\r\n"),
        ]);
        const stream = Buffer.concat([body, Buffer.from("GET / HTTP/1.1\r\n\r\n")]);
        const scanner = new BodyScanner(CHUNKED);
        let end = 0;
        for (const cut of [...cuts, stream.length].sort((a, b) => a - b)) {
          const piece = stream.subarray(end, Math.min(cut, stream.length));
          if (scanner.done || piece.length === 0) continue;
          const at = scanner.scan(piece, 0);
          ok(at >= 0);
          end += at;
        }
        ok(scanner.done);
        equal(end, body.length);
      },
    ),
    RUNS,
  );
});

test("noise after a sound head never makes the body scanner throw or stand still", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 30 }), { maxLength: 20 }), (pieces) => {
      const scanner = new BodyScanner(CHUNKED);
      for (const piece of pieces) {
        const at = scanner.scan(Buffer.from(piece), 0);
        ok(at === -1 || at === piece.length || scanner.done);
        if (at === -1 || scanner.done) return;
      }
    }),
    RUNS,
  );
});
