import assert from "node:assert/strict";
import { test } from "node:test";
import { held, ok } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { http1, protocols, serve, SOON_MS, type RunningServer } from "./rig/servers.js";

/** Longer than it takes to see that something does not happen at once, shorter than the half-close that follows. */
const LINGER_MS = 60;

async function idleClient(server: RunningServer): Promise<RawClient> {
  const client = (await RawClient.connect(server)).get("/");
  assert.deepEqual(await client.responses(1), [{ status: 200, connection: "keep-alive", body: "ok" }]);
  client.text = "";
  return client;
}

for (const protocol of protocols) {
  test(`${protocol.name}: an idle connection is closed without waiting for its keep-alive time`, async (t) => {
    const server = await serve(t, protocol, ok);
    const client = await idleClient(server);
    const stopped = server.stop();
    assert.equal(await client.ended, "fin");
    client.socket.end();
    const report = await stopped;
    assert.deepEqual(report.connections, { idle: 1 });
    assert.deepEqual(report.cut, []);
    assert.ok(report.durationMs < SOON_MS, String(report.durationMs));
  });

  test(`${protocol.name}: a request that the kernel has when stop begins is answered, with close`, async (t) => {
    const server = await serve(t, protocol, ok, { lingerMs: 0 });
    const client = await idleClient(server);
    client.get("/");
    const stopped = server.stop();
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "ok" }]);
    assert.equal(await client.ended, "fin");
    client.socket.end();
    assert.equal((await stopped).served, 1);
  });

  test(`${protocol.name}: a connection in use is kept for its next request, which is told to close`, async (t) => {
    const server = await serve(t, protocol, ok, { lingerMs: 5_000 });
    const client = await idleClient(server);
    const stopped = server.stop();
    await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    client.get("/");
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "ok" }]);
    client.socket.end();
    await stopped;
  });

  test(`${protocol.name}: a POST that crosses the close of its connection sees FIN, not RST, and is not run`, async (t) => {
    const { handler, next } = held();
    const posts = { count: 0 };
    const server = await serve(
      t,
      protocol,
      (request, response) => {
        if (request.method === "POST") posts.count += 1;
        handler(request, response);
      },
      { lingerMs: 0, halfCloseMs: 200 },
    );
    const client = (await RawClient.connect(server)).get("/");
    (await next()).response.end("ok");
    await client.responses(1);
    client.socket.pause(); // It does not see the FIN, as if that were still on its way.
    const stopped = server.stop();
    const [socket] = server.sockets;
    assert.ok(socket);
    while (!socket.writableFinished) await new Promise(setImmediate);
    client
      .write("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n")
      .write("x".repeat(100_000));
    while (socket.bytesRead < 100_000) await new Promise(setImmediate);
    await stopped;
    client.socket.resume();
    assert.equal(await client.ended, "fin");
    assert.equal(posts.count, 0);
  });

  test(`${protocol.name}: a connection that never sent a byte does not hold the stop`, async (t) => {
    const server = await serve(t, protocol, ok);
    const client = await RawClient.connect(server);
    while (server.sockets.length === 0) await new Promise(setImmediate);
    const stopped = server.stop();
    assert.equal(await client.ended, "fin");
    client.socket.end();
    const report = await stopped;
    assert.deepEqual(report.connections, { unused: 1 });
    assert.deepEqual(report.cut, []);
  });

  test(`${protocol.name}: with no connection at all the stop takes a few turns of the event loop`, async (t) => {
    const server = await serve(t, protocol, ok);
    const report = await server.stop();
    assert.deepEqual(
      { ...report, durationMs: 0 },
      { durationMs: 0, served: 0, connections: {}, accepted: 0, cut: [] },
    );
    assert.ok(report.durationMs < SOON_MS, String(report.durationMs));
  });
}

test("what came while the process stood still is read before a closed connection is freed", async (t) => {
  const halfCloseMs = 100;
  const server = await serve(t, http1, ok, { lingerMs: 0, halfCloseMs });
  const client = await idleClient(server);
  const stopped = server.stop();
  const [socket] = server.sockets;
  assert.ok(socket);
  while (!socket.writableFinished) await new Promise(setImmediate);
  const seen = socket.bytesRead;
  client.get("/");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * halfCloseMs);
  await stopped;
  assert.ok(socket.bytesRead > seen);
  assert.equal(await client.ended, "fin");
});
