import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { DEFAULT_LINGER_MS } from "#src/listener/options.js";
import { ok } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { http1, protocols, serve } from "./rig/servers.js";

const QUEUED = 200;
/** The clients share the server's process: so many TLS handshakes keep both from answering each other for long. */
const PATIENT = { acceptDrain: { maxMs: 60_000 }, handshakeMs: 60_000, lingerMs: 20_000 };

for (const protocol of protocols) {
  test(`${protocol.name}: connections that wait in the kernel's queue are served, then told to close`, async (t) => {
    const server = await serve(t, protocol, ok, PATIENT);
    // In one turn: the kernel accepts these, and the server has not been asked for any of them.
    const clients = Array.from({ length: QUEUED }, () => RawClient.begin(server).get("/"));
    const stopped = server.stop();
    const answers = await Promise.all(clients.map((client) => client.responses(1)));
    for (const [answer] of answers)
      assert.deepEqual(answer, { status: 200, connection: "close", body: "ok" });
    for (const client of clients) assert.equal(await client.ended, "fin");
    for (const client of clients) client.socket.end();
    const report = await stopped;
    assert.equal(report.served, QUEUED);
    assert.equal(report.accepted, QUEUED);
    assert.deepEqual(report.cut, []);
  });

  test(`${protocol.name}: once stopped, connections are refused`, async (t) => {
    const server = await serve(t, protocol, ok);
    await server.stop();
    await assert.rejects(RawClient.connect(server), { code: "ECONNREFUSED" });
  });

  test(`${protocol.name}: connections are refused while a request still runs`, async (t) => {
    let finish: (() => void) | undefined;
    const server = await serve(t, protocol, (_request, response) => {
      finish = () => response.end("late");
    });
    const client = (await RawClient.connect(server)).get("/");
    await once(server.server, "request");
    const stopped = server.stop();
    while (server.server.listening) await new Promise(setImmediate);
    await assert.rejects(RawClient.connect(server), { code: "ECONNREFUSED" });
    finish?.();
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "late" }]);
    client.socket.end();
    assert.equal((await stopped).served, 1);
  });
}

test("the queue is left to another process that accepts from it, when accepting is switched off", async (t) => {
  const server = await serve(t, http1, ok, { acceptDrain: false });
  const client = RawClient.begin(server).get("/");
  const report = await server.stop();
  assert.equal(report.accepted, 0);
  assert.notEqual(await client.ended, "fin");
});

test("keepAccepting: new connections are served while one of before is kept for its client's next request", async (t) => {
  const server = await serve(t, http1, ok, { keepAccepting: true });
  const old = (await RawClient.connect(server)).get("/");
  await old.responses(1);
  old.text = "";
  const stopped = server.stop();
  const told = [{ status: 200, connection: "close", body: "ok" }];
  // Together they take longer than an idle connection is kept otherwise.
  const startedAt = performance.now();
  while (performance.now() - startedAt < 3 * DEFAULT_LINGER_MS) {
    const young = (await RawClient.connect(server)).get("/");
    assert.deepEqual(await young.responses(1), told);
    young.socket.end();
  }
  assert.deepEqual(await old.get("/").responses(1), told);
  old.socket.end();
  const { accepted, served, cut } = await stopped;
  assert.deepEqual([served, cut], [accepted + 1, []]);
  await assert.rejects(RawClient.connect(server), { code: "ECONNREFUSED" });
});

test("a queue that never empties is accepted from within bounds only", async (t) => {
  const server = await serve(t, http1, ok, { acceptDrain: { maxMs: 200 } });
  // Whenever one is accepted, the next waits.
  const clients: RawClient[] = [];
  const more = (): unknown => clients.push(RawClient.begin(server).get("/"));
  server.server.on("connection", more);
  more();
  const report = await server.stop();
  assert.ok(report.accepted > 0);
  assert.equal(server.server.listening, false);
  for (const { socket } of clients) socket.destroy();
});
