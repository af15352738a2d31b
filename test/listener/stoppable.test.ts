import assert from "node:assert/strict";
import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { stoppable } from "#src/listener/stoppable.js";
import { cert, key } from "./rig/certificate.js";
import { held, ok } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { http1, protocols, serve, SOON_MS } from "./rig/servers.js";

for (const protocol of protocols) {
  test(`${protocol.name}: stopping twice gives one promise, and the server closes once`, async (t) => {
    const server = await serve(t, protocol, ok);
    let closed = 0;
    server.server.on("close", () => (closed += 1));
    assert.equal(server.stop(), server.stop());
    await server.stop();
    assert.equal(server.server.listening, false);
    assert.equal(closed, 1);
  });

  test(`${protocol.name}: a framework's sweep of idle connections does not disturb the drain`, async (t) => {
    const server = await serve(t, protocol, (_request, response) => response.end("x".repeat(4_000_000)));
    const client = await RawClient.connect(server);
    client.socket.pause();
    client.get("/");
    await once(server.server, "request");
    const stopped = server.stop();
    (server.server as http.Server).closeIdleConnections();
    client.socket.resume();
    assert.equal(await client.ended, "fin");
    const [answer] = await client.responses(1);
    assert.equal(answer?.body.length, 4_000_000);
    client.socket.end();
    await stopped;
  });

  test(`${protocol.name}: after stop has begun listen() is refused with a code`, async (t) => {
    const server = await serve(t, protocol, ok);
    await server.stop();
    const again = new Promise((resolve, reject) => {
      server.server.once("error", reject);
      server.server.listen(0, () => resolve(undefined));
    });
    await assert.rejects(again, { code: "LISTENER_STOPPED" });
  });
}

test("a second call for the same server gives the same object and adds its options", async (t) => {
  const { handler, next } = held();
  const server = await serve(t, http1, handler);
  const again = stoppable(server.server, { deadlineMs: 100 });
  assert.equal(again, stoppable(server.server));
  const client = (await RawClient.connect(server)).get("/");
  await next();
  const report = await again.stop();
  assert.equal(report.cut.length, 1);
  await client.ended;
});

test("isDraining and the signal turn when stop begins", async () => {
  const server = stoppable(http.createServer());
  assert.deepEqual([server.isDraining, server.draining.aborted], [false, false]);
  const stopped = server.stop();
  assert.equal(server.isDraining, true);
  await stopped;
  assert.equal(server.draining.aborted, true);
});

test("a server that never listened stops at once", async () => {
  const report = await stoppable(http.createServer()).stop();
  assert.ok(report.durationMs < SOON_MS);
  await assert.doesNotReject(stoppable(createServer()).stop());
});

test("several servers of one process drain side by side", async () => {
  const { handler, next } = held();
  const servers = [http.createServer(handler), https.createServer({ key, cert }, handler)];
  const clients: RawClient[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => stoppable(server).server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    clients.push((await RawClient.connect({ port, tls: server instanceof https.Server })).get("/"));
  }
  const running = [await next(), await next()];
  const stopped = servers.map((server) => stoppable(server).stop());
  for (const { response } of running) response.end("ok");
  for (const client of clients) {
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "ok" }]);
    client.socket.end();
  }
  for (const report of await Promise.all(stopped)) assert.equal(report.served, 1);
});

test("IPv6 is drained as IPv4 is", async () => {
  const server = http.createServer(ok);
  stoppable(server);
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "::1" }, resolve));
  const client = new RawClient(
    connect({ port: (server.address() as AddressInfo).port, host: "::1", allowHalfOpen: true }),
  );
  client.get("/");
  const stopped = stoppable(server).stop();
  assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "ok" }]);
  client.socket.end();
  assert.equal((await stopped).served, 1);
});

test("a Unix socket, or a named pipe on Windows, is drained as a port is", async () => {
  const name = `inplace-${randomUUID()}`;
  const path = process.platform === "win32" ? `\\\\.\\pipe\\${name}` : join(tmpdir(), name);
  const { handler, next } = held();
  const server = http.createServer(handler);
  stoppable(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = new RawClient(connect({ path, allowHalfOpen: true })).get("/");
  const { response } = await next();
  const stopped = stoppable(server).stop();
  response.end("whole");
  assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "whole" }]);
  client.socket.end();
  const report = await stopped;
  assert.deepEqual([report.served, report.cut], [1, []]);
});

for (const kind of ["http", "https"] as const) {
  test(`a ${kind} server that has connections already can be made stoppable`, async (t) => {
    const { handler, next } = held();
    const server: Server =
      kind === "http" ? http.createServer(handler) : https.createServer({ key, cert }, handler);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const where = { port: (server.address() as AddressInfo).port, tls: kind === "https" };
    const idle = (await RawClient.connect(where)).get("/idle");
    (await next()).response.end("idle");
    await idle.responses(1);
    const busy = (await RawClient.connect(where)).get("/busy");
    const { response } = await next();
    const stopped = stoppable(server).stop();
    response.end("whole");
    assert.deepEqual(await busy.responses(1), [{ status: 200, connection: "close", body: "whole" }]);
    assert.equal(await idle.ended, "fin");
    busy.socket.end();
    idle.socket.end();
    const report = await stopped;
    assert.deepEqual([report.served, report.connections], [1, { idle: 1, request: 1 }]);
  });
}

test("connections of a plain TCP server are their app's until the deadline", async () => {
  const server = createServer((socket) => {
    socket.once("data", () => socket.end("bye"));
  });
  const listener = stoppable(server, { deadlineMs: 300 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const where = { port: (server.address() as AddressInfo).port, tls: false };
  const [polite, silent] = [await RawClient.connect(where), await RawClient.connect(where)];
  const stopped = listener.stop();
  polite.write("?");
  assert.equal(await polite.ended, "fin");
  assert.equal(polite.text, "bye");
  polite.socket.end();
  const report = await stopped;
  await silent.ended;
  assert.deepEqual(
    report.cut.map(({ kind }) => kind),
    ["tcp"],
  );
});
