import assert from "node:assert/strict";
import { once } from "node:events";
import * as http2 from "node:http2";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import type { StoppableOptions } from "#src/listener/options.js";
import { drainConnections, recallDrain, stoppable } from "#src/listener/stoppable.js";
import { cert, key } from "./rig/certificate.js";
import { held, ok } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { http1, listen, protocols, serve, SOON_MS, type RunningServer } from "./rig/servers.js";

const KEPT = { status: 200, connection: "keep-alive", body: "ok" };
const LAST = { ...KEPT, connection: "close" };
/** No timer of a test ends in it, so what ends was ended by the drain. */
const PATIENT: StoppableOptions = { keepListening: true, lingerMs: SOON_MS };

async function idleClient(where: { port: number; tls: boolean }): Promise<RawClient> {
  const client = (await RawClient.connect(where)).get("/");
  assert.deepEqual(await client.responses(1), [KEPT]);
  client.text = "";
  return client;
}

/** Feeds what it accepts into the server, as the runtime does; `fed` are its connections. */
async function feeder(t: TestContext, server: RunningServer): Promise<{ port: number; fed: Set<Socket> }> {
  const fed = new Set<Socket>();
  const front = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    fed.add(socket);
    server.server.emit("connection", socket);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  t.after(() => front.close());
  return { port: (front.address() as AddressInfo).port, fed };
}

for (const protocol of protocols) {
  test(`${protocol.name}: a server is drained twice, listens on, and is then stopped`, async (t) => {
    const server = await serve(t, protocol, ok);
    for (const round of [1, 2]) {
      const before = await idleClient(server);
      const drained = drainConnections(server.server, { keepListening: true });
      const later = (await RawClient.connect(server)).get("/");
      assert.deepEqual(await later.responses(1), [KEPT], `round ${round}`);
      assert.equal(await before.ended, "fin");
      before.socket.end();
      const report = await drained;
      assert.deepEqual([report.connections, report.accepted, report.cut], [{ idle: 1 }, 0, []]);
      assert.equal(server.server.listening, true);
      later.socket.destroy();
      await new Promise((resolve) => later.socket.once("close", resolve));
      while (server.sockets.some((socket) => !socket.destroyed)) await new Promise(setImmediate);
    }
    await server.stop();
    assert.equal(server.server.listening, false);
  });

  test(`${protocol.name}: of a server with two doors only those of one are drained, also who comes later`, async (t) => {
    const server = await serve(t, protocol, ok);
    const { port, fed } = await feeder(t, server);
    const visitor = await idleClient({ port, tls: server.tls });
    const own = await idleClient(server);
    const drained = drainConnections(server.server, { ...PATIENT, only: (socket) => fed.has(socket) });
    visitor.get("/");
    assert.deepEqual(await visitor.responses(1), [LAST]);
    const late = (await RawClient.connect({ port, tls: server.tls })).get("/");
    assert.deepEqual(await late.responses(1), [LAST]);
    own.get("/");
    assert.deepEqual(await own.responses(1), [KEPT]);
    for (const each of [visitor, late]) {
      assert.equal(await each.ended, "fin");
      each.socket.end();
    }
    const report = await drained;
    assert.deepEqual([report.connections, report.served, report.accepted], [{ idle: 1 }, 2, 1]);
    own.text = "";
    own.get("/");
    assert.deepEqual(await own.responses(1), [KEPT]);
    own.socket.destroy();
  });

  test(`${protocol.name}: a drain that is recalled gives its connections back`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler);
    const idle = (await RawClient.connect(server)).get("/");
    (await next()).response.end("ok");
    assert.deepEqual(await idle.responses(1), [KEPT]);
    idle.text = "";
    const busy = (await RawClient.connect(server)).get("/");
    const running = await next();
    const drained = drainConnections(server.server, PATIENT);
    recallDrain(server.server);
    const report = await drained;
    assert.deepEqual([report.connections, report.cut], [{ idle: 1, request: 1 }, []]);
    running.response.end("ok");
    assert.deepEqual(await busy.responses(1), [KEPT]);
    for (const each of [idle, busy]) {
      each.text = "";
      each.get("/");
      (await next()).response.end("ok");
      assert.deepEqual(await each.responses(1), [KEPT]);
      each.socket.destroy();
    }
  });

  test(`${protocol.name}: a connection told of its end before the recall ends with it, without RST`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler, { halfCloseMs: 100 });
    const client = (await RawClient.connect(server)).get("/");
    const { response } = await next();
    const drained = drainConnections(server.server, PATIENT);
    response.writeHead(200, { "Content-Length": 2 }).write("o");
    recallDrain(server.server);
    await drained;
    response.end("k");
    assert.deepEqual(await client.responses(1), [LAST]);
    client.write("x".repeat(100_000)); // Met by a socket that is still read from.
    assert.equal(await client.ended, "fin");
    client.socket.end();
  });
}

test("stop() takes over from a drain that runs, and closes the port", async (t) => {
  const { handler, next } = held();
  const server = await serve(t, http1, handler);
  const client = (await RawClient.connect(server)).get("/");
  const { response } = await next();
  const drained = drainConnections(server.server, PATIENT);
  const stopped = server.stop();
  assert.equal((await drained).served, 0);
  response.end("ok");
  assert.deepEqual(await client.responses(1), [LAST]);
  client.socket.end();
  assert.equal((await stopped).served, 1);
  assert.equal(server.server.listening, false);
  assert.equal(await drainConnections(server.server, PATIENT), await stopped);
});

test("what is open at the deadline of a drain is cut, and nothing else", async (t) => {
  const { handler, next } = held();
  const server = await serve(t, http1, handler);
  const { port, fed } = await feeder(t, server);
  const visitor = (await RawClient.connect({ port, tls: false })).get("/visitor");
  await next();
  const own = (await RawClient.connect(server)).get("/own");
  const { response } = await next();
  const only = (socket: Socket): boolean => fed.has(socket);
  const report = await drainConnections(server.server, { keepListening: true, only, deadlineMs: 100 });
  assert.deepEqual(
    report.cut.map(({ path }) => path),
    ["/visitor"],
  );
  await visitor.ended;
  response.end("ok");
  assert.deepEqual(await own.responses(1), [KEPT]);
  own.socket.destroy();
});

test("a stop of some connections closes the port and does not wait for the others", async (t) => {
  const server = await serve(t, http1, ok);
  const { port, fed } = await feeder(t, server);
  const visitor = await idleClient({ port, tls: false });
  const own = await idleClient(server);
  const drained = drainConnections(server.server, { only: (socket) => fed.has(socket) });
  assert.equal(await visitor.ended, "fin");
  visitor.socket.end();
  assert.deepEqual((await drained).connections, { idle: 1 });
  assert.equal(server.server.listening, false);
  own.get("/");
  assert.deepEqual(await own.responses(1), [KEPT]);
  own.socket.destroy();
});

test("the app hears of each drain, by a signal that is not yet aborted", async (t) => {
  const server = await serve(t, http1, ok);
  const { draining } = stoppable(server.server);
  let heard = 0;
  server.server.on("draining", () => (heard += 1));
  await drainConnections(server.server, { keepListening: true });
  assert.deepEqual([draining.aborted, heard, stoppable(server.server).draining.aborted], [true, 1, false]);
  await drainConnections(server.server, { keepListening: true });
  assert.equal(heard, 2);
});

test("only the WebSockets of the drained door are told 1001", async (t) => {
  const server = await serve(t, http1, () => undefined);
  const { port, fed } = await feeder(t, server);
  const sockets = new WebSocketServer({ server: server.server as never });
  sockets.on("connection", (socket) => socket.on("message", (data: Buffer) => socket.send(data.toString())));
  const visitor = new WebSocket(`ws://127.0.0.1:${port}`);
  const own = new WebSocket(`ws://127.0.0.1:${server.port}`);
  await Promise.all([once(visitor, "open"), once(own, "open")]);
  const drained = drainConnections(server.server, { ...PATIENT, only: (socket) => fed.has(socket) });
  const [code] = (await once(visitor, "close")) as [number];
  assert.equal(code, 1001);
  await drained;
  own.send("still here");
  assert.equal(String(((await once(own, "message")) as [Buffer])[0]), "still here");
  own.terminate();
  sockets.close();
});

for (const tls of [false, true]) {
  test(`only the http2 sessions of the drained door go away (${tls ? "TLS" : "h2c"})`, async (t) => {
    const answer = (stream: http2.ServerHttp2Stream): void => {
      stream.respond({ ":status": 200 });
      stream.end("ok");
    };
    const made = tls ? http2.createSecureServer({ key, cert }) : http2.createServer();
    const server = await listen(t, made.on("stream", answer), tls);
    const { port, fed } = await feeder(t, server);
    const sessions = [port, server.port].map((each) =>
      http2.connect(`${tls ? "https" : "http"}://127.0.0.1:${each}`, { rejectUnauthorized: false }),
    );
    const [visitor, own] = sessions as [http2.ClientHttp2Session, http2.ClientHttp2Session];
    const ask = async (session: http2.ClientHttp2Session): Promise<string> =>
      (await session.request({ ":path": "/" }).setEncoding("utf8").toArray()).join("");
    assert.deepEqual(await Promise.all(sessions.map(ask)), ["ok", "ok"]);
    const away = once(visitor, "goaway");
    const options = { keepListening: true, lingerMs: 0, only: (socket: Socket) => fed.has(socket) };
    const drained = drainConnections(server.server, options);
    await away;
    const report = await drained;
    assert.deepEqual([report.connections, report.cut], [{ http2: 1 }, []]);
    assert.equal(await ask(own), "ok");
    own.destroy();
  });
}
