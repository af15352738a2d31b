import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { once } from "node:events";
import { connect } from "node:net";
import { text as collect } from "node:stream/consumers";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { until } from "../rig/until.js";
import { fetch, type FetchOptions } from "./fetch.js";
import { exchangeRaw, rawClient } from "./raw.js";
import { serveSite } from "./site.js";
import { TEST_TLS } from "./tls-certificate.js";

const text = async (url: string, init?: FetchOptions): Promise<string> => (await fetch(url, init)).text();

test("server-sent events arrive one by one, not in blocks", async (t) => {
  const site = await serveSite(t);
  const client = rawClient(t, site.handler.port);
  client.send("GET /events HTTP/1.1\r\nHost: site\r\n\r\n");
  await client.sees(/data: first/);
  equal(client.received.includes("data: next"), false);
  await text(`${site.url}/event`);
  await client.sees(/data: next/);
  await text(`${site.url}/event`);
  await client.sees(/data: next[\s\S]*data: next/);
  client.socket.destroy(); // Or the handler would wait for the end of the answer, which has none.
});

test("a client that goes away is seen by the application", async (t) => {
  const site = await serveSite(t);
  const client = rawClient(t, site.handler.port);
  client.send("GET /events HTTP/1.1\r\nHost: site\r\n\r\n");
  await client.sees(/data: first/);
  client.socket.destroy();
  await until("the stream is closed", async () => (await text(`${site.url}/closed-streams`)) === "1");
});

/** What is sent before the client closes its side → what has to come. */
const HALF_CLOSED: readonly (readonly [what: string, sent: string, comes: RegExp])[] = [
  ["a GET", "GET /headers HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1.1 200 [^]*"host":"a"[^]*\}$/],
  ["one of HTTP/1.0", "GET /headers HTTP/1.0\r\nHost: a\r\n\r\n", /^HTTP\/1.1 200 [^]*"host":"a"[^]*\}$/],
  ["a POST", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", /^HTTP\/1.1 200 [^]*\nhello$/],
  [
    "several",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\noneGET /large?bytes=300000 HTTP/1.1\r\nHost: a\r\n\r\n",
    /^HTTP\/1.1 200 [^]*\none[^]*HTTP\/1.1 200 [^]*\r\n\r\nx+$/,
  ],
  ["half a head behind a request", "GET /hop-by-hop HTTP/1.1\r\nHost: a\r\n\r\nGET / HT", /\nhop\n$/],
  ["nothing", "", /^$/],
];

for (const tls of [false, true]) {
  test(`a client that closes its side gets the answers to what it has asked ${tls ? "over TLS" : ""}`, async (t) => {
    const site = await serveSite(t, tls ? { tls: TEST_TLS } : {});
    const { port } = site.handler;
    const asked = async (sent: string): Promise<string> => {
      const place = { port, host: "127.0.0.1" };
      const socket = tls ? connectTls({ ...place, rejectUnauthorized: false }) : connect(place);
      socket.allowHalfOpen = true;
      socket.setTimeout(20_000, () => socket.destroy(new Error(`no answer to ${sent}`)));
      t.after(() => socket.destroy());
      socket.end(sent, "latin1");
      const answer = await collect(socket);
      socket.destroy();
      return answer;
    };
    // The first one waits for the start.
    for (const [what, sent, comes] of HALF_CLOSED) match(await asked(sent), comes, what);
    const slow = asked("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    const whole = "GET /pending HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    await until("it is inside", async () => (await asked(whole)).endsWith("\r\n\r\n1"));
    await asked("GET /release HTTP/1.1\r\nHost: a\r\n\r\n");
    match(await slow, /\nreleased\n$/);
  });
}

test("a client that goes away while its request waits is forgotten", async (t) => {
  const site = await serveSite(t);
  const client = rawClient(t, site.handler.port);
  client.send("POST /events HTTP/1.1\r\nHost: site\r\nContent-Length: 10\r\n\r\nhalf");
  await site.nth("backend-starting", 1);
  client.socket.destroy();
  await site.nth("backend-ready", 1);
  equal(await text(`${site.url}/event`), "0");
});

test("a response that the application breaks off is broken off for the client, never ended as if whole", async (t) => {
  const site = await serveSite(t);
  const received = await exchangeRaw(t, site.handler.port, "GET /cut HTTP/1.1\r\nHost: site\r\n\r\n");
  match(received, /Content-Length: 100\r\n[\s\S]*half$/);
  equal(await text(site.url).then((body) => body.startsWith("pid ")), true);
});

test("Expect: 100-continue: the interim answer comes from the application, before the body is sent", async (t) => {
  const site = await serveSite(t);
  const client = rawClient(t, site.handler.port);
  client.send("POST / HTTP/1.1\r\nHost: site\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  await client.sees(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
  client.send("hello");
  await client.sees(/HTTP\/1\.1 200 OK[\s\S]*hello/);
});

test("early hints are passed on before the response, and kept from HTTP/1.0 clients", async (t) => {
  const site = await serveSite(t);
  const modern = await exchangeRaw(
    t,
    site.handler.port,
    "GET /hints HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n",
  );
  match(
    modern,
    /^HTTP\/1\.1 103 Early Hints\r\n(?:.*\r\n)*?link: <\/style.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK/i,
  );
  const old = await exchangeRaw(t, site.handler.port, "GET /hints HTTP/1.0\r\n\r\n");
  match(old, /^HTTP\/1\.1 200 OK/);
});

test("HEAD has the length of the body and no body, and the connection goes on", async (t) => {
  const site = await serveSite(t);
  const client = rawClient(t, site.handler.port);
  client.send(
    "HEAD /large?bytes=1000 HTTP/1.1\r\nHost: site\r\n\r\nGET / HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n",
  );
  const received = await client.ends();
  match(received, /Content-Length: 1000\r\n(?:.*\r\n)*?\r\nHTTP\/1\.1 200 OK[\s\S]*pid \d+\n$/);
});

test("trailers go through in both directions", async (t) => {
  const site = await serveSite(t);
  const chunked =
    "POST /trailers HTTP/1.1\r\nHost: site\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  const received = await exchangeRaw(t, site.handler.port, `${chunked}3\r\nabc\r\n0\r\nX-Check: 7\r\n\r\n`);
  match(received, /sent \{"x-check":"7"\}/);
  match(received, /0\r\nX-Sum: 42\r\n\r\n$/);
});

test("pipelined requests are answered in their order", async (t) => {
  const site = await serveSite(t);
  const client = rawClient(t, site.handler.port);
  const one = (body: string): string =>
    `POST / HTTP/1.1\r\nHost: site\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  client.send(`\r\n${one("first")}${one("second")}GET / HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n`);
  match(await client.ends(), /first[\s\S]*second[\s\S]*pid \d+\n$/);
});

test("a head that comes byte by byte is a head", async (t) => {
  const site = await serveSite(t);
  const client = rawClient(t, site.handler.port);
  client.socket.setNoDelay(true);
  for (const byte of "GET / HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n") {
    await new Promise<void>((resolve) => client.socket.write(byte, () => resolve()));
  }
  match(await client.ends(), /^HTTP\/1\.1 200 OK/);
});

test("a response without a length ends with the connection", async (t) => {
  const site = await serveSite(t);
  const received = await exchangeRaw(t, site.handler.port, "GET /until-close HTTP/1.1\r\nHost: site\r\n\r\n");
  equal(received, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nno length");
});

test("FilterOutMSRequestHeadersTest: what only the module may say is taken away, and Host stays as the client wrote it", async (t) => {
  const site = await serveSite(t);
  const received = await exchangeRaw(
    t,
    site.handler.port,
    "GET /headers HTTP/1.1\r\nHost: My.Site:99\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: gzip\r\nX-End: 1\r\n" +
      "MS-ASPNETCORE-TOKEN: x\r\nms-aspnetcore-clientcert: x\r\nMS-ASPNETCORE-WinAuthToken: x\r\nX-IIS-WindowsAuthToken: x\r\n" +
      "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: outer\r\n\r\n",
  );
  deepEqual(JSON.parse(received.split("\r\n\r\n")[1] ?? ""), {
    host: "My.Site:99",
    "x-end": "1",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-proto": "http",
    "x-forwarded-host": "My.Site:99",
  });
});

test("fields of one hop are taken from responses", async (t) => {
  const site = await serveSite(t);
  const response = await fetch(`${site.url}/hop-by-hop`);
  equal(await response.text(), "hop\n");
  equal(response.headers.get("x-private"), null);
  notEqual(response.headers.get("keep-alive"), "timeout=9");
});

test("an absolute target reaches the application as a path, with its authority as Host", async (t) => {
  const site = await serveSite(t);
  const received = await exchangeRaw(
    t,
    site.handler.port,
    "GET http://real.example/headers HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n",
  );
  match(received, /"host":"real\.example"/);
});

test("40 MB go through in both directions without being kept in memory", async (t) => {
  const site = await serveSite(t);
  const bytes = 40 * 1024 * 1024;
  await text(site.url);
  const before = process.memoryUsage().rss;
  const client = rawClient(t, site.handler.port);
  client.socket.pause();
  client.send(`GET /large?bytes=${bytes} HTTP/1.1\r\nHost: site\r\n\r\n`);
  await until("the request is under way", async () => (await text(site.url)) !== "");
  ok(process.memoryUsage().rss - before < 30 * 1024 * 1024);
  client.socket.destroy();
  const upload = httpRequest(`${site.url}/`, { method: "POST" });
  upload.end(Buffer.alloc(bytes, "y"));
  const [response] = (await once(upload, "response")) as [AsyncIterable<Buffer>];
  let received = 0;
  for await (const part of response) received += part.length;
  ok(received > bytes);
});

test("an answer before the end of the request reaches the client, and the rest of the request is read", async (t) => {
  const site = await serveSite(t);
  const client = rawClient(t, site.handler.port);
  client.send("POST /reject HTTP/1.1\r\nHost: site\r\nContent-Length: 10\r\n\r\nhalf");
  await client.sees(/413 Payload Too Large[\s\S]*too much\n/);
  client.send(" rest!GET / HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n");
  match(await client.ends(), /too much\nHTTP\/1\.1 200 OK/);
});

test("pooled connections that the application closes while requests come cost no request that may be sent twice", async (t) => {
  const site = await serveSite(t);
  for (let n = 0; n < 100; n += 1) {
    const answers = await Promise.all([
      fetch(`${site.url}/close-idle`),
      fetch(site.url),
      fetch(site.url),
      fetch(site.url, { method: "PUT", body: "x" }),
    ]);
    deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  }
});

test("an application that resets a POST without an answer is answered for with 502.3, once", async (t) => {
  const site = await serveSite(t);
  const response = await fetch(`${site.url}/reset`, { method: "POST", body: "x" });
  equal(response.status, 502);
  match(await response.text(), /502\.3[\s\S]*closed the connection without an answer/);
});

test("a crash answers a POST with 502.3, and a GET from the next process", async (t) => {
  const site = await serveSite(t);
  const pid = (await fetch(site.url)).headers.get("x-pid");
  const post = fetch(`${site.url}/never`, { method: "POST", body: "x" });
  const get = fetch(`${site.url}/wait`);
  await until("both are under way", async () => (await text(`${site.url}/pending`)) === "2");
  process.kill(Number(pid), "SIGKILL");
  const lost = await post;
  equal(lost.status, 502);
  await until("the next process has the GET", async () => (await text(`${site.url}/pending`)) === "1");
  await text(`${site.url}/release`);
  equal((await get).status, 200);
});

test("a request lost while the application opens its port anew waits no longer than that: a GET is answered, a POST gets 502.3", async (t) => {
  for (const [method, status] of [
    ["GET", 200],
    ["POST", 502],
  ] as const) {
    const site = await serveSite(t);
    const began = performance.now();
    const response = await fetch(`${site.url}/reopen`, { method });
    equal(response.status, status);
    match(await response.text(), method === "GET" ? /^pid \d+/ : /closed the connection without an answer/);
    ok(performance.now() - began < 10_000, "as long as a process is waited for");
    equal((await fetch(site.url)).status, 200);
    equal(site.count("backend-starting"), 1);
  }
});
