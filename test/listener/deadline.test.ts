import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { held, ok } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { http1, httpsProtocol, protocols, serve, SOON_MS } from "./rig/servers.js";

for (const protocol of protocols) {
  test(`${protocol.name}: what hangs is destroyed at the deadline and not before, and named in the report`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler, { deadlineMs: 400 });
    const client = (await RawClient.connect(server)).get("/hangs?secret=1");
    await next();
    const report = await server.stop();
    await client.ended;
    assert.ok(report.durationMs >= 390 && report.durationMs < SOON_MS, String(report.durationMs));
    assert.equal(report.served, 0);
    const [cut, ...more] = report.cut;
    assert.deepEqual({ ...cut, ageMs: 0 }, { kind: "request", ageMs: 0, method: "GET", path: "/hangs" });
    assert.ok((cut?.ageMs ?? 0) >= 390);
    assert.deepEqual(more, []);
    assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
  });

  test(`${protocol.name}: half a head does not outlive the deadline`, async (t) => {
    const server = await serve(t, protocol, ok, { deadlineMs: 200 });
    const client = (await RawClient.connect(server)).write("GET / HT");
    while ((server.sockets[0]?.bytesRead ?? 0) === 0) await new Promise(setImmediate);
    const report = await server.stop();
    await client.ended;
    assert.deepEqual(
      report.cut.map(({ kind }) => kind),
      ["head"],
    );
  });

  test(`${protocol.name}: half a head is answered with 408 when the server's own time for it is over`, async (t) => {
    const server = await serve(t, protocol, ok);
    Object.assign(server.server, { headersTimeout: 200, requestTimeout: 1_000 });
    const client = (await RawClient.connect(server)).write("GET / HT");
    while ((server.sockets[0]?.bytesRead ?? 0) === 0) await new Promise(setImmediate);
    const stopped = server.stop();
    const answer = await client.ended.then(() => client.text);
    assert.match(answer, /^HTTP\/1\.1 408 /);
    client.socket.end();
    const report = await stopped;
    assert.ok(report.durationMs < SOON_MS, String(report.durationMs));
    assert.deepEqual(report.cut, []);
  });

  test(`${protocol.name}: half a body is answered with 408 when the server's own time for it is over`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler);
    Object.assign(server.server, { headersTimeout: 100, requestTimeout: 200 });
    const client = await RawClient.connect(server);
    client.write("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf");
    await next();
    const stopped = server.stop();
    const answer = await client.ended.then(() => client.text);
    assert.match(answer, /^HTTP\/1\.1 408 /);
    client.socket.end();
    assert.ok((await stopped).durationMs < SOON_MS);
  });
}

test("a reader that stops reading is cut at the deadline as the request it is", async (t) => {
  const server = await serve(t, http1, (_request, response) => response.end("x".repeat(64 * 1024 * 1024)), {
    deadlineMs: 300,
  });
  const client = await RawClient.connect(server);
  client.socket.pause();
  client.get("/large");
  await once(server.server, "request");
  const report = await server.stop();
  assert.deepEqual(
    report.cut.map(({ kind, path }) => [kind, path]),
    [["request", "/large"]],
  );
  client.socket.destroy();
});

test("a TLS handshake that was not begun does not hold the stop", async (t) => {
  const server = await serve(t, httpsProtocol, ok);
  const tcp = connect(server.port, "127.0.0.1").resume();
  await once(server.server, "connection");
  const report = await server.stop();
  assert.deepEqual(report.connections, { handshake: 1 });
  assert.ok(report.durationMs < SOON_MS, String(report.durationMs));
  assert.deepEqual(report.cut, []);
  tcp.destroy();
});

test("a TLS handshake that stands still does not hold the stop", async (t) => {
  const server = await serve(t, httpsProtocol, ok, { handshakeMs: 200 });
  const tcp = connect(server.port, "127.0.0.1").resume();
  const [socket] = (await once(server.server, "connection")) as [{ bytesRead: number }];
  tcp.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])); // The beginning of a ClientHello.
  while (socket.bytesRead === 0) await new Promise(setImmediate);
  const report = await server.stop();
  assert.ok(report.durationMs < SOON_MS, String(report.durationMs));
  assert.deepEqual(report.cut, []);
  tcp.destroy();
});

test("a TLS handshake that is running when stop begins is finished, and its request served", async (t) => {
  const server = await serve(t, httpsProtocol, ok);
  const client = RawClient.begin(server).get("/");
  await once(server.server, "connection");
  const stopped = server.stop();
  assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "ok" }]);
  client.socket.end();
  assert.deepEqual((await stopped).connections, { handshake: 1 });
});

test("durations that are none are refused at the door", async () => {
  const { stoppable } = await import("#src/listener/stoppable.js");
  const server = await http1.create(ok);
  assert.throws(() => stoppable(server, { deadlineMs: -1 }), RangeError);
  assert.throws(() => stoppable(server, { lingerMs: Number.NaN }), RangeError);
});
