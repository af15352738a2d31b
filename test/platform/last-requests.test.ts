// What has begun when the handler stops: connections without a request, and requests that are on their way.
import { equal, match, rejects } from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { connect } from "node:net";
import { test, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { fetch } from "./fetch.js";
import { visit } from "./http2-site.js";
import { rawClient } from "./raw.js";
import { serveSite, type ServedSite } from "./site.js";
import { TEST_TLS } from "./tls-certificate.js";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST = /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Connection: close\r\n/im;

async function session(t: TestContext, { handler }: ServedSite): Promise<ClientHttp2Session> {
  const opened = connectHttp2(`https://127.0.0.1:${handler.port}`, { rejectUnauthorized: false });
  t.after(() => opened.destroy());
  await once(opened, "remoteSettings");
  return opened;
}

async function statusOf(opened: ClientHttp2Session): Promise<number | undefined> {
  const stream = opened.request({ ":path": "/" });
  const [headers] = (await once(stream, "response")) as [{ ":status"?: number }];
  for await (const part of stream) void part;
  return headers[":status"];
}

test("a connection that was just made has its first request answered, and is told to close", async (t) => {
  const site = await serveSite(t);
  const client = rawClient(t, site.handler.port);
  await once(client.socket, "connect");
  await fetch(site.url); // Connections are accepted in their order.
  const stopped = site.handler.stop();
  await site.nth("handler-stopping", 1);
  client.send(GET);
  match(await client.ends(), LAST);
  await stopped;
});

test("a request on its way over a kept connection is answered, and told to close", async (t) => {
  const site = await serveSite(t);
  const client = rawClient(t, site.handler.port);
  client.send(GET);
  await client.sees(/^pid \d+/m);
  const before = client.received.length;
  const stopped = site.handler.stop();
  client.send(GET);
  match((await client.ends()).slice(before), LAST);
  await stopped;
});

test("a connection without a request does not hold up the stop for long, and ends in order", async (t) => {
  const site = await serveSite(t);
  await fetch(site.url);
  const client = rawClient(t, site.handler.port);
  const ended = once(client.socket, "end");
  await once(client.socket, "connect");
  await fetch(site.url);
  const began = performance.now();
  await site.handler.stop();
  await ended;
  equal(client.received, "");
  equal(performance.now() - began < 10_000, true);
});

test("over TLS a handshake that comes while the handler stops is answered, and so is the request behind it", async (t) => {
  const site = await serveSite(t, { tls: TEST_TLS });
  const socket = connect(site.handler.port, "127.0.0.1");
  t.after(() => socket.destroy());
  await once(socket, "connect");
  equal((await visit(site, "/")).status, 200);
  const stopped = site.handler.stop();
  await site.nth("handler-stopping", 1);
  const secure = connectTls({ socket, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  secure.setEncoding("latin1").write(GET);
  let text = "";
  for await (const part of secure) text += String(part);
  match(text, LAST);
  await stopped;
});

test("a client that never shakes hands does not hold up the stop for long", async (t) => {
  const site = await serveSite(t, { tls: TEST_TLS });
  const socket = connect(site.handler.port, "127.0.0.1").on("error", () => undefined);
  await once(socket, "connect");
  equal((await visit(site, "/")).status, 200);
  const closed = once(socket, "close");
  const began = performance.now();
  await site.handler.stop();
  await closed;
  equal(performance.now() - began < 10_000, true);
});

test("HTTP/2: the first request of a session, and one on its way over a used one, are answered", async (t) => {
  const site = await serveSite(t, { tls: TEST_TLS });
  const [fresh, used] = [await session(t, site), await session(t, site)];
  equal(await statusOf(used), 200);
  const stopped = site.handler.stop();
  const last = statusOf(used);
  await site.nth("handler-stopping", 1);
  equal(await statusOf(fresh), 200);
  equal(await last, 200);
  await stopped;
  await rejects(statusOf(fresh));
});
