import { deepEqual, equal, match, ok } from "node:assert/strict";
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { test, type TestContext } from "node:test";
import { until } from "../rig/until.js";
import { serveSite } from "./site.js";
import { TEST_TLS } from "./tls-certificate.js";

interface Seen {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly hints: readonly IncomingHttpHeaders[];
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
  /** The stream was broken off. */
  readonly cut: boolean;
}

async function serveRaw(t: TestContext): Promise<(answer: string, method?: string) => Promise<Seen>> {
  const site = await serveSite(t, { tls: TEST_TLS });
  const session = connect(`https://127.0.0.1:${site.handler.port}`, {
    rejectUnauthorized: false,
    maxHeaderListPairs: 2_000,
    settings: { maxHeaderListSize: 256 * 1024 },
  });
  t.after(() => session.destroy());
  t.after(() => equal(site.count("defect-contained"), 0));
  return (answer, method = "POST") => ask(session, Buffer.from(answer, "latin1"), method);
}

/** The answer goes to the application in the request's body; HEAD has none. */
async function ask(session: ClientHttp2Session, answer: Buffer, method: string): Promise<Seen> {
  const query = method === "POST" ? "" : `?${answer.toString("base64url")}`;
  const stream = session.request({ ":path": `/raw${query}`, ":method": method }, { endStream: false });
  const seen = {
    status: 0,
    headers: {} as IncomingHttpHeaders,
    hints: [] as IncomingHttpHeaders[],
    trailers: {} as IncomingHttpHeaders,
    body: "",
    cut: false,
  };
  stream
    .on("headers", (fields: IncomingHttpHeaders) => seen.hints.push(fields))
    .on("response", (fields: IncomingHttpHeaders) => {
      seen.headers = fields;
      seen.status = Number(fields[":status"]);
    })
    .on("trailers", (fields: IncomingHttpHeaders) => (seen.trailers = fields))
    .on("data", (part: Buffer) => (seen.body += part.toString("latin1")))
    .on("error", () => (seen.cut = true));
  stream.end(method === "POST" ? answer : undefined);
  await once(stream, "close").catch(() => undefined);
  seen.cut ||= stream.rstCode !== 0;
  return seen;
}

test("HTTP/2: an answer that ends with its connection is whole only where that ended without an error", async (t) => {
  const site = await serveSite(t, { tls: TEST_TLS });
  const session = connect(`https://127.0.0.1:${site.handler.port}`, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  for (const [path, whole] of [
    ["/until-close", true],
    ["/until-reset", false],
  ] as const) {
    const stream = session.request({ ":path": path });
    let [body, ended] = ["", false];
    stream.on("data", (part: Buffer) => (body += String(part))).on("end", () => (ended = true));
    stream.on("error", () => undefined);
    const closed = once(stream, "close");
    await until("its body", () => body === "no length");
    if (!whole) session.request({ ":path": "/reset-halves" }).resume();
    await closed.catch(() => undefined);
    equal(body, "no length");
    equal(ended && stream.rstCode === 0, whole, path);
  }
});

test("an answer that ends with its connection is reset for a client of HTTP/1, too, where the application's was", async (t) => {
  const site = await serveSite(t);
  for (const [path, end] of [
    ["/until-close", "closed"],
    ["/until-reset", "ECONNRESET"],
  ] as const) {
    const socket = connectTcp(site.handler.port, "127.0.0.1");
    let how = "closed";
    socket.on("error", (error: NodeJS.ErrnoException) => (how = error.code ?? "")).resume();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    let text = "";
    socket.on("data", (part) => (text += String(part)));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: site\r\n\r\n`);
    await until("its body", () => text.endsWith("no length"));
    if (end !== "closed") await fetch(`${site.url}/reset-halves`);
    await closed;
    equal(how, end, path);
  }
});

test("HTTP/2: the head of an answer has the same limit however it comes", async (t) => {
  const seen = await serveRaw(t);
  const long = (bytes: number): string => plain(`X-Long: ${"b".repeat(bytes)}\r\n`);
  equal((await seen(long(60_000))).status, 200);
  for (const bytes of [70_000, 120_000]) equal((await seen(long(bytes))).status, 502, String(bytes));
  equal((await seen(plain(""))).status, 200, "the connection goes on");
});

const BODY = "Content-Length: 2\r\n\r\nok";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n";
const plain = (fields: string): string => `HTTP/1.1 200 OK\r\n${fields}${BODY}`;

/** Answers that HTTP/1.1 carries and HTTP/2 does not as they are. */
const SERVED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      "Content-Type",
      "ETag",
      "Location",
      "Date",
      "Age",
      "Expires",
      "Last-Modified",
      "Retry-After",
      "Content-Language",
      "Content-Encoding",
      "X-Content-Type-Options",
      "Access-Control-Allow-Credentials",
      "Access-Control-Max-Age",
    ].map((name) => [`${name} twice`, plain(`${name}: 1\r\n${name}: 2\r\n`)]),
  ),
  "Content-Length twice": plain("Content-Length: 2\r\n"),
  TE: plain("TE: gzip\r\n"),
  "HTTP2-Settings": plain("HTTP2-Settings: x\r\n"),
  "Proxy-Connection": plain("Proxy-Connection: x\r\n"),
  // Not longer: the application closes its connection behind each answer.
  "Keep-Alive": plain("Keep-Alive: timeout=1\r\n"),
  "Upgrade without its status": plain("Upgrade: h2c\r\n"),
  Host: plain("Host: a\r\nHost: b\r\n"),
  constructor: plain("constructor: x\r\n"),
  "__proto__ twice": plain("__proto__: x\r\n__proto__: y\r\n"),
  "hasOwnProperty, toString": plain("hasOwnProperty: x\r\ntoString: y\r\n"),
  "an empty value": plain("X-A:\r\n"),
  "all signs that a name may have": plain("!#$%&'*+.^_`|~: v\r\n"),
  "bytes above ASCII": plain("X-A: caf\xe9\xa0\r\n"),
  "a head of 60 KB": plain(`X-A: ${"a".repeat(60_000)}\r\n`),
  "1,000 cookies": plain("Set-Cookie: a=b\r\n".repeat(1000)),
  "100 with fields": `HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n${plain("")}`,
  "103 with a field twice": `HTTP/1.1 103 Early Hints\r\nETag: a\r\nETag: b\r\n\r\n${plain("")}`,
  "103 with fields of the connection": `HTTP/1.1 103 Early Hints\r\nTE: a\r\nHTTP2-Settings: b\r\nconstructor: c\r\n\r\n${plain("")}`,
  "199": `HTTP/1.1 199 Odd\r\n\r\n${plain("")}`,
  "trailers with a field twice": `${CHUNKED}ETag: 1\r\nETag: 2\r\n\r\n`,
  "trailers of the connection": `${CHUNKED}TE: gzip\r\nHTTP2-Settings: 1\r\nConnection: x\r\nProxy-Connection: 1\r\n\r\n`,
  "trailers with names of objects": `${CHUNKED}constructor: 1\r\n__proto__: 2\r\n__proto__: 3\r\n\r\n`,
  "trailers that frame": `${CHUNKED}Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n`,
};

test("HTTP/2: an answer that HTTP/1.1 can carry arrives, whatever its fields are called and however often they come", async (t) => {
  const asked = await serveRaw(t);
  for (const [what, answer] of Object.entries(SERVED)) {
    const seen = await asked(answer);
    deepEqual([seen.status, seen.body, seen.cut], [200, "ok", false], what);
    if (!answer.endsWith(BODY) || answer.length > 8_000) continue;
    const head = await asked(answer.slice(0, -2), "HEAD");
    deepEqual([head.status, head.body, head.cut], [200, "", false], `HEAD, ${what}`);
  }
});

test("HTTP/2: a field that may come once keeps its last value, one that may be a list keeps all, in order", async (t) => {
  const asked = await serveRaw(t);
  const fields =
    "ETag: a\r\nVary: a\r\nETag: b\r\nvary: b\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n__proto__: p\r\n";
  const { headers } = await asked(plain(`${fields}Connection: X-Mine\r\nX-Mine: 1\r\n`));
  equal(headers.etag, "b");
  equal(headers.vary, "a, b");
  deepEqual(headers["set-cookie"], ["a", "b"]);
  equal(headers["__proto__"], "p");
  equal(headers["x-mine"], undefined);
  const hinted = await asked(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n${plain("")}`);
  equal(hinted.hints[0]?.["link"], "</a>, </b>");
  equal((await asked(`${CHUNKED}X-Sum: 1\r\n\r\n`)).trailers["x-sum"], "1");
});

/** What HTTP/2 has no way to carry is the application's fault, and that of one request. */
test("HTTP/2: a status that is none, an unasked 101 and garbage are 502, and the connection serves on", async (t) => {
  const asked = await serveRaw(t);
  const upgrade = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  for (const answer of [
    `HTTP/1.1 600 Odd\r\n${BODY}`,
    `HTTP/1.1 999 Odd\r\n${BODY}`,
    upgrade,
    "garbage\r\n\r\n",
  ]) {
    const seen = await asked(answer);
    equal(seen.status, 502, answer);
    match(seen.body, /502/);
    equal((await asked(answer.replace(/ok$/, ""), "HEAD")).status, 502, answer);
  }
  for (const status of [204, 205, 304]) {
    const seen = await asked(`HTTP/1.1 ${status} Odd\r\nContent-Length: ${status === 205 ? 0 : 2}\r\n\r\n`);
    deepEqual([seen.status, seen.body, seen.cut], [status, "", false]);
  }
  equal((await asked("HTTP/1.1 205 Reset\r\nContent-Length: 2\r\n\r\nok")).status, 205);
  ok((await asked("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok")).cut);
  ok((await asked("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok")).cut);
  equal((await asked(plain(""))).status, 200);
});

test("HTTP/2: an answer whose length is nought, however often that is written, is over with its head", async (t) => {
  const askRaw = await serveRaw(t);
  for (const length of ["0", "00", "0000"]) {
    const { status, body, cut } = await askRaw(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
    deepEqual([status, body, cut], [200, "", false], length);
  }
});
