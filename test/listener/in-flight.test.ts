import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { echo, held, ok } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { protocols, serve, SOON_MS } from "./rig/servers.js";

const LARGE = 8 * 1024 * 1024;

for (const protocol of protocols) {
  test(`${protocol.name}: a running request is answered whole, with close when its head is not sent yet`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler);
    const client = (await RawClient.connect(server)).get("/");
    const { response } = await next();
    const stopped = server.stop();
    response.end("whole");
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "whole" }]);
    assert.equal(await client.ended, "fin");
    client.socket.end();
    const report = await stopped;
    assert.deepEqual(report.connections, { request: 1 });
    assert.equal(report.served, 1);
  });

  test(`${protocol.name}: a response whose head is sent goes on, and its connection answers one more request`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler, { lingerMs: 10_000 });
    const client = (await RawClient.connect(server)).get("/first");
    const first = await next();
    first.response.write("begun, ");
    await client.until("the head", () => client.text.includes("begun") || undefined);
    const stopped = server.stop();
    first.response.end("done");
    const [before] = await client.responses(1);
    assert.deepEqual(before, { status: 200, connection: "keep-alive", body: "begun, done" });
    client.get("/second");
    (await next()).response.end("second");
    const [, after] = await client.responses(2);
    assert.deepEqual(after, { status: 200, connection: "close", body: "second" });
    assert.equal(await client.ended, "fin");
    client.socket.end();
    assert.equal((await stopped).served, 2);
  });

  test(`${protocol.name}: after a response that said keep-alive a silent connection is closed soon`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler);
    const client = (await RawClient.connect(server)).get("/");
    const { response } = await next();
    response.write("begun, ");
    await client.until("the head", () => client.text.includes("begun") || undefined);
    const stopped = server.stop();
    response.end("done");
    const doneAt = performance.now();
    assert.equal(await client.ended, "fin");
    assert.ok(performance.now() - doneAt < SOON_MS);
    client.socket.end();
    await stopped;
  });

  test(`${protocol.name}: without a stop nothing is told to close`, async (t) => {
    const server = await serve(t, protocol, ok);
    const client = (await RawClient.connect(server)).get("/");
    const [first] = await client.responses(1);
    assert.equal(first?.connection, "keep-alive");
    client.get("/");
    const [, second] = await client.responses(2);
    assert.equal(second?.connection, "keep-alive");
  });

  test(`${protocol.name}: 8 MB that were end()ed but not flushed reach a slow reader whole`, async (t) => {
    const server = await serve(t, protocol, (_request, response) => {
      response.end("x".repeat(LARGE));
    });
    const client = await RawClient.connect(server);
    client.socket.pause();
    client.get("/");
    await once(server.server, "request");
    const stopped = server.stop();
    while (server.server.listening) await new Promise(setImmediate);
    client.socket.resume();
    assert.equal(await client.ended, "fin");
    const [answer] = await client.responses(1);
    assert.equal(answer?.body.length, LARGE);
    client.socket.end();
    const report = await stopped;
    assert.deepEqual([report.served, report.cut], [1, []]);
  });

  test(`${protocol.name}: a body of which the second half is sent during the drain is served`, async (t) => {
    const server = await serve(t, protocol, echo);
    const client = await RawClient.connect(server);
    client.write("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nfirst");
    await once(server.server, "request");
    const stopped = server.stop();
    while (server.server.listening) await new Promise(setImmediate);
    client.write("later");
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "firstlater" }]);
    client.socket.end();
    assert.equal((await stopped).served, 1);
  });

  test(`${protocol.name}: a head of which the second half is sent during the drain is served`, async (t) => {
    const server = await serve(t, protocol, ok);
    const client = (await RawClient.connect(server)).write("GET / HTTP/1.1\r\nHo");
    while ((server.sockets[0]?.bytesRead ?? 0) === 0) await new Promise(setImmediate);
    const stopped = server.stop();
    while (server.server.listening) await new Promise(setImmediate);
    client.write("st: test\r\n\r\n");
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "ok" }]);
    client.socket.end();
    const report = await stopped;
    assert.deepEqual(report.connections, { head: 1 });
    assert.equal(report.served, 1);
  });

  test(`${protocol.name}: a half head on a connection that was used before is waited for too`, async (t) => {
    const server = await serve(t, protocol, ok, { lingerMs: 0 });
    const client = (await RawClient.connect(server)).get("/");
    await client.responses(1);
    const [socket] = server.sockets;
    assert.ok(socket);
    const seen = socket.bytesRead;
    client.write("GET / HT");
    while (socket.bytesRead === seen) await new Promise(setImmediate);
    const stopped = server.stop();
    while (server.server.listening) await new Promise(setImmediate);
    client.write("TP/1.1\r\nHost: test\r\n\r\n");
    const [, answer] = await client.responses(2);
    assert.deepEqual(answer, { status: 200, connection: "close", body: "ok" });
    client.socket.end();
    await stopped;
  });

  test(`${protocol.name}: an early answer is not destroyed by the rest of a body that nobody reads`, async (t) => {
    const server = await serve(t, protocol, (_request, response) => {
      response.writeHead(413).end("too large");
    });
    const client = await RawClient.connect(server);
    client.write("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n");
    const stopped = server.stop();
    client.write("x".repeat(1_000_000));
    const [answer] = await client.responses(1);
    assert.deepEqual(answer, { status: 413, connection: "close", body: "too large" });
    client.write("x".repeat(1_000_000));
    assert.equal(await client.ended, "fin");
    client.socket.end();
    await stopped;
  });
}
