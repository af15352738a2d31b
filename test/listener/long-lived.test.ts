import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { finished, held } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { http1, protocols, serve, SOON_MS } from "./rig/servers.js";

const UPGRADE = "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";

for (const protocol of protocols) {
  test(`${protocol.name}: the app hears of the drain and ends its event stream itself`, async (t) => {
    const server = await serve(t, protocol, (_request, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: 1\n\n");
      server.draining.addEventListener("abort", () => response.end("event: bye\n\n"));
    });
    const client = (await RawClient.connect(server)).get("/events");
    await client.until("the first event", () => client.text.includes("data: 1") || undefined);
    const stopped = server.stop();
    const [answer] = await client.responses(1);
    assert.equal(answer?.body, "data: 1\n\nevent: bye\n\n");
    client.socket.end();
    assert.deepEqual((await stopped).connections, { "event-stream": 1 });
  });

  test(`${protocol.name}: an event stream that nobody ends is ended whole at its own deadline`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler, { eventStreamDeadlineMs: 100 });
    const client = (await RawClient.connect(server)).get("/events");
    const { response } = await next();
    response.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: 1\n\n");
    await client.until("the first event", () => client.text.includes("data: 1") || undefined);
    const stopped = server.stop();
    const [answer] = await client.responses(1);
    assert.equal(answer?.body, "data: 1\n\n");
    response.write("data: 2\n\n"); // An app that does not know meets no error.
    response.end();
    assert.equal(await client.ended, "fin");
    client.socket.end();
    const report = await stopped;
    assert.deepEqual(report.cut, []);
    assert.ok(report.durationMs < SOON_MS);
  });

  test(`${protocol.name}: a long poll is answered with 204 at its own deadline`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler, { longPollDeadlineMs: 100 });
    const client = await RawClient.connect(server);
    client.write("GET /news HTTP/1.1\r\nHost: test\r\nPrefer: wait=60\r\n\r\n");
    const { response } = await next();
    const stopped = server.stop();
    assert.deepEqual(await client.responses(1), [{ status: 204, connection: "close", body: "" }]);
    response.end("too late"); // An app that does not know meets no error.
    client.socket.end();
    const report = await stopped;
    assert.deepEqual(report.connections, { "long-poll": 1 });
    assert.deepEqual(report.cut, []);
  });

  test(`${protocol.name}: an app that answers its long polls on the signal is faster than their deadline`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler, { isLongPoll: ({ url }) => url === "/news" });
    const client = (await RawClient.connect(server)).get("/news");
    const { response } = await next();
    server.server.once("draining", () => response.writeHead(204).end());
    const stopped = server.stop();
    assert.deepEqual(await client.responses(1), [{ status: 204, connection: "close", body: "" }]);
    client.socket.end();
    assert.equal((await stopped).served, 1);
    await finished(response);
  });

  test(`${protocol.name}: a WebSocket of ws is told 1001, then its connection closes`, async (t) => {
    const server = await serve(t, protocol, () => undefined);
    const sockets = new WebSocketServer({ server: server.server as never });
    const url = `${protocol.tls ? "wss" : "ws"}://127.0.0.1:${server.port}`;
    const client = new WebSocket(url, { rejectUnauthorized: false });
    await once(client, "open");
    const stopped = server.stop();
    const [code] = (await once(client, "close")) as [number];
    assert.equal(code, 1001);
    const report = await stopped;
    assert.deepEqual(report.connections, { websocket: 1 });
    assert.deepEqual(report.cut, []);
    sockets.close();
  });

  test(`${protocol.name}: the app may say another code to its WebSockets first`, async (t) => {
    const server = await serve(t, protocol, () => undefined);
    const sockets = new WebSocketServer({ server: server.server as never });
    server.draining.addEventListener("abort", () => {
      for (const socket of sockets.clients) socket.close(1012, "restarting");
    });
    const url = `${protocol.tls ? "wss" : "ws"}://127.0.0.1:${server.port}`;
    const client = new WebSocket(url, { rejectUnauthorized: false });
    await once(client, "open");
    const stopped = server.stop();
    const [code] = (await once(client, "close")) as [number];
    assert.equal(code, 1012);
    await stopped;
  });
}

test("another upgraded connection is left to the app until its deadline, then it gets a FIN", async (t) => {
  const server = await serve(t, http1, () => undefined, { webSocketDeadlineMs: 100 });
  server.server.on("upgrade", (_request, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n");
    socket.on("data", (text: Buffer) => socket.write(`heard ${text.toString()}`));
  });
  const client = (await RawClient.connect(server)).write(UPGRADE);
  await client.until("the upgrade", () => client.text.includes("\r\n\r\n") || undefined);
  const stopped = server.stop();
  client.write("you?");
  await client.until("an answer", () => client.text.endsWith("heard you?") || undefined);
  assert.equal(await client.ended, "fin");
  client.socket.end();
  const report = await stopped;
  assert.deepEqual(report.connections, { upgrade: 1 });
  assert.deepEqual(report.cut, []);
});

test("a WebSocket that does not answer the closing handshake gets a FIN at its deadline, then is freed", async (t) => {
  const options = { webSocketDeadlineMs: 100, halfCloseMs: 100 };
  const server = await serve(t, http1, () => undefined, options);
  const sockets = new WebSocketServer({ server: server.server as never });
  const client = await RawClient.connect(server);
  client.write(
    "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  );
  await client.until("the upgrade", () => client.text.includes("\r\n\r\n") || undefined);
  const head = client.text.length;
  const stopped = server.stop();
  assert.equal(await client.ended, "fin");
  assert.deepEqual([...Buffer.from(client.text.slice(head, head + 4), "latin1")].slice(2), [0x03, 0xe9]);
  const report = await stopped;
  assert.deepEqual(report.cut, []);
  assert.ok(report.durationMs < SOON_MS);
  sockets.close();
});

test("a connection that is upgraded during the drain is told 1001 too", async (t) => {
  const server = await serve(t, http1, () => undefined);
  const sockets = new WebSocketServer({ server: server.server as never });
  const client = new WebSocket(`ws://127.0.0.1:${server.port}`);
  const stopped = once(client, "upgrade").then(() => server.stop());
  const [code] = (await once(client, "close")) as [number];
  assert.equal(code, 1001);
  await stopped;
  sockets.close();
});
