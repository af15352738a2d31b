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

test("WebSocket messages that came before the closing handshake are answered before it", async (t) => {
  const server = await serve(t, http1, () => undefined, { webSocketAnswerMs: SOON_MS });
  const sockets = new WebSocketServer({ server: server.server as never });
  sockets.on("connection", (socket) => socket.on("message", (data: Buffer) => socket.send(data.toString())));
  const url = `ws://127.0.0.1:${server.port}`;
  const clients = Array.from({ length: 20 }, () => new WebSocket(url));
  await Promise.all(clients.map((client) => once(client, "open")));
  const answered = clients.map(() => 0);
  clients.forEach((client, at) => client.on("message", () => (answered[at] = (answered[at] ?? 0) + 1)));
  const closed = clients.map(async (client) => ((await once(client, "close")) as [number])[0]);
  const stopped = server.stop();
  // As from a client far away: on its way when stop begins, and here after the first turns of the drain.
  for (let wave = 0; wave < 3; wave += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const client of clients) for (let each = 0; each < 50; each += 1) client.send(`${wave} ${each}`);
  }
  assert.deepEqual(
    await Promise.all(closed),
    clients.map(() => 1001),
  );
  assert.deepEqual(
    answered,
    clients.map(() => 150),
  );
  assert.deepEqual((await stopped).cut, []);
  sockets.close();
});

test("a WebSocket that never falls silent is closed all the same, and only what crosses 1001 is unanswered", async (t) => {
  const webSocketAnswerMs = 200;
  const server = await serve(t, http1, () => undefined, { webSocketAnswerMs });
  const sockets = new WebSocketServer({ server: server.server as never });
  let toldAt = Infinity;
  sockets.on("connection", (socket) => {
    socket.on("message", (data: Buffer) => socket.send(data.toString()));
    const close = socket.close.bind(socket);
    socket.close = (...values) => {
      toldAt = performance.now();
      close(...values);
    };
  });
  const client = new WebSocket(`ws://127.0.0.1:${server.port}`);
  await once(client, "open");
  const open = new Map<number, number>();
  let sent = 0;
  client.on("message", (data: Buffer) => open.delete(Number(data.toString())));
  const talk = (): void => {
    if (client.readyState !== WebSocket.OPEN) return;
    open.set((sent += 1), performance.now());
    client.send(String(sent));
    setImmediate(talk);
  };
  talk();
  const closed = once(client, "close");
  const stoppedAt = Math.trunc(performance.now());
  const stopped = server.stop();
  assert.equal(((await closed) as [number])[0], 1001);
  // Silence would have had it told after 30 ms. How many messages there are until then is the machine's affair.
  assert.ok(toldAt - stoppedAt >= webSocketAnswerMs, `told after ${toldAt - stoppedAt} ms`);
  // One turn of client and server, which are one process here, lies between a message and its reading.
  const early = [...open].filter(([number, at]) => at < toldAt && number < sent - 3);
  assert.deepEqual(early, []);
  assert.deepEqual((await stopped).cut, []);
  sockets.close();
});
