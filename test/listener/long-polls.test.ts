import assert from "node:assert/strict";
import * as http2 from "node:http2";
import { createServer, type Server as HttpServer } from "node:http";
import { createServer as createTcp, type AddressInfo } from "node:net";
import { test } from "node:test";
import { Server as SocketServer } from "socket.io";
import { io } from "socket.io-client";
import { drainConnections, stoppable } from "#src/listener/stoppable.js";
import { until } from "../rig/until.js";
import { held } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { http1, listen, protocols, serve } from "./rig/servers.js";

const SIGNALR = "X-SignalR-User-Agent: Microsoft SignalR/10.0\r\n";
const ENGINE = "transport=polling&sid=a";

/** What is asked, and what its client is given in the drain. */
const WAITS: readonly {
  readonly what: string;
  readonly path: string;
  readonly headers?: string;
  readonly status: number;
  readonly body: string;
  readonly kind: string;
}[] = [
  { what: "engine.io", path: `/socket.io/?EIO=4&${ENGINE}`, status: 200, body: "1", kind: "long-poll" },
  { what: "engine.io 3", path: `/socket.io/?EIO=3&${ENGINE}`, status: 200, body: "1:1", kind: "long-poll" },
  { what: "SignalR", path: "/hub?id=a", headers: SIGNALR, status: 200, body: "", kind: "long-poll" },
  {
    what: "EventSource",
    path: "/events",
    headers: "Accept: text/event-stream\r\n",
    status: 200,
    body: "",
    kind: "event-stream",
  },
  {
    what: "Prefer: wait",
    path: "/news",
    headers: "Prefer: wait=60\r\n",
    status: 204,
    body: "",
    kind: "long-poll",
  },
];

for (const protocol of protocols) {
  for (const { what, path, headers = "", status, body, kind } of WAITS) {
    test(`${protocol.name}: a poll of ${what} that waits is released as its client takes for normal`, async (t) => {
      const { handler, next } = held();
      const server = await serve(t, protocol, handler, { longPollDeadlineMs: 50, eventStreamDeadlineMs: 50 });
      const client = await RawClient.connect(server);
      client.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n${headers}\r\n`);
      const { response } = await next();
      response.setHeader("Access-Control-Allow-Origin", "https://shop.example");
      const stopped = server.stop();
      assert.deepEqual(await client.responses(1), [{ status, connection: "close", body }]);
      assert.match(client.text, /^access-control-allow-origin: https:\/\/shop\.example\r$/im);
      assert.equal(/^content-type: text\/event-stream/im.test(client.text), kind === "event-stream");
      response.end("too late"); // An app that does not know meets no error.
      client.socket.end();
      const report = await stopped;
      assert.deepEqual([report.connections, report.cut], [{ [kind]: 1 }, []]);
    });
  }
}

for (const { what, path, headers = "", status, body } of WAITS) {
  test(`http2: a poll of ${what} that waits is released as its client takes for normal`, async (t) => {
    const made = http2.createServer();
    const arrived = new Promise<void>((resolve) => made.on("stream", () => resolve()));
    const server = await listen(t, made, false, { longPollDeadlineMs: 50, eventStreamDeadlineMs: 50 });
    const session = http2.connect(`http://127.0.0.1:${server.port}`);
    const named = headers.trim().toLowerCase().split(": ");
    const stream = session.request({ ":path": path, ...(named[1] && { [named[0] ?? ""]: named[1] }) });
    const responded = new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once("response", resolve));
    await arrived;
    const stopped = server.stop();
    assert.equal((await responded)[":status"], status);
    assert.equal((await stream.setEncoding("utf8").toArray()).join(""), body);
    assert.deepEqual((await stopped).cut, []);
  });
}

test("a poll whose session ends with this process is answered at once", async (t) => {
  const { handler, next } = held();
  const server = await serve(t, http1, handler, { longPollDeadlineMs: 60_000 });
  const asked = `GET /socket.io/?EIO=4&${ENGINE} HTTP/1.1\r\nHost: test\r\n\r\n`;
  const client = (await RawClient.connect(server)).write(asked);
  await next();
  const stopped = server.stop();
  assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "1" }]);
  client.socket.end();
  assert.deepEqual((await stopped).cut, []);
});

const USUAL: readonly (readonly [string, string])[] = [
  ["a slow GET", "GET /report HTTP/1.1\r\nHost: test\r\n\r\n"],
  ["a GET that also takes JSON", "GET /a HTTP/1.1\r\nHost: test\r\nAccept: */*, text/event-stream\r\n\r\n"],
  [
    "a POST that takes events",
    "POST /mcp HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\nContent-Length: 0\r\n\r\n",
  ],
  ["the handshake of engine.io", "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: test\r\n\r\n"],
  [
    "a POST of engine.io",
    `POST /socket.io/?EIO=4&${ENGINE} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n`,
  ],
];

for (const [what, request] of USUAL) {
  test(`${what} is no long poll and gets its answer`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, http1, handler, { longPollDeadlineMs: 0, eventStreamDeadlineMs: 0 });
    const client = (await RawClient.connect(server)).write(request);
    const { response } = await next();
    const stopped = server.stop();
    // Overdue polls are looked for every 50 ms.
    await new Promise((resolve) => setTimeout(resolve, 150));
    response.end("whole");
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "whole" }]);
    client.socket.end();
    assert.deepEqual((await stopped).connections, { request: 1 });
  });
}

test("who had waited long before the drain is a long poll by option, and who had not is not", async (t) => {
  const { handler, next } = held();
  const server = await serve(t, http1, handler, { longPollDeadlineMs: 50, longPollAfterMs: 400 });
  const long = (await RawClient.connect(server)).get("/news");
  const change = (await RawClient.connect(server)).write(
    "POST /pay HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n",
  );
  await next();
  const { response: paid } = await next();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const short = (await RawClient.connect(server)).get("/report");
  const { response } = await next();
  const stopped = server.stop();
  assert.deepEqual(await long.responses(1), [{ status: 204, connection: "close", body: "" }]);
  for (const answer of [response, paid]) answer.end("whole");
  for (const client of [short, change]) {
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "whole" }]);
  }
  for (const { socket } of [long, short, change]) socket.end();
  assert.deepEqual((await stopped).connections, { "long-poll": 1, request: 2 });
});

test("Socket.IO by polling goes over to the next release in no more than 2.5 s, and no emit is lost", async (t) => {
  const heard = new Set<number>();
  const servers: HttpServer[] = [];
  const hubs: SocketServer[] = [];
  for (let each = 0; each < 2; each += 1) {
    const server = createServer();
    stoppable(server);
    const hub = new SocketServer(server, { transports: ["polling"] });
    hub.on("connection", (socket) => {
      socket.on("order", (order: number, taken: () => void) => {
        heard.add(order);
        taken();
      });
    });
    servers.push(server);
    hubs.push(hub);
  }
  let current = servers[0] as HttpServer;
  const front = createTcp({ allowHalfOpen: true, noDelay: true }, (socket) => {
    current.emit("connection", socket);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const polling = { transports: ["polling"], reconnectionDelay: 50, forceNew: true };
  const client = io(url, { ...polling, retries: 20, ackTimeout: 1_000 });
  const listener = io(url, polling);
  t.after(async () => {
    client.disconnect();
    listener.disconnect();
    front.close();
    for (const hub of hubs) await hub.close();
  });
  const reasons: string[] = [];
  listener.on("disconnect", (reason) => reasons.push(reason));
  await until("the clients to connect", () => client.connected && listener.connected);

  let sent = 0;
  let acknowledged = 0;
  const order = (): void => {
    sent += 1;
    client.emit("order", sent, (error: Error | null) => {
      if (error === null) acknowledged += 1;
    });
  };
  const orders = setInterval(order, 20);
  t.after(() => clearInterval(orders));
  await until("some orders", () => acknowledged >= 5);
  const [old] = servers;
  assert.ok(old);
  current = servers[1] as HttpServer;
  const report = await drainConnections(old, { keepListening: true, only: () => true });
  assert.ok(report.durationMs < 2_500, `${report.durationMs} ms`);
  assert.deepEqual(report.cut, []);
  const before = acknowledged;
  await until("orders at the next release", () => acknowledged > before + 5);
  clearInterval(orders);
  await until("all orders", () => acknowledged === sent);
  assert.equal(heard.size, sent);
  // Who sends meets the next release first, which does not know the session; who listens is told by the old one.
  await until("the listener to be back", () => listener.connected);
  assert.deepEqual(reasons, ["transport close"]);
});
