import assert from "node:assert/strict";
import { once } from "node:events";
import * as http from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { test } from "node:test";
import { stoppable } from "#src/listener/stoppable.js";
import { held, ok } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { protocols, serve, SOON_MS } from "./rig/servers.js";

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
}

function closed(server: Server): Promise<Error | undefined> {
  return new Promise((resolve) => server.close(resolve));
}

for (const protocol of protocols) {
  test(`${protocol.name}: close() frees the port before it returns, and listen() works again`, async (t) => {
    const server = await serve(t, protocol, ok);
    const over = closed(server.server);
    assert.equal(server.server.listening, false);
    const other = createServer();
    await listening(other, server.port);
    await closed(other);
    assert.equal(await over, undefined);
    await listening(server.server, server.port);
    const client = (await RawClient.connect(server)).get("/");
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "keep-alive", body: "ok" }]);
    const stopped = server.stop();
    assert.equal(await client.ended, "fin");
    client.socket.end();
    assert.deepEqual((await stopped).connections, { idle: 1 });
  });

  test(`${protocol.name}: close() leaves what runs as it is, and stop() then drains it`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler);
    const client = (await RawClient.connect(server)).get("/");
    const { response } = await next();
    const over = closed(server.server);
    const stopped = server.stop();
    response.end("whole");
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "whole" }]);
    client.socket.end();
    assert.equal(await over, undefined);
    assert.equal((await stopped).served, 1);
  });

  test(`${protocol.name}: close() within the drain calls back once the server is closed`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler);
    const client = (await RawClient.connect(server)).get("/");
    const { response } = await next();
    const stopped = server.stop();
    let called = false;
    const over = closed(server.server).then((error) => {
      called = true;
      return error;
    });
    while (server.server.listening) await new Promise(setImmediate);
    assert.equal(called, false);
    response.end("whole");
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "whole" }]);
    client.socket.end();
    assert.equal(await over, undefined);
    assert.equal((await stopped).served, 1);
    const again = (await closed(server.server)) as NodeJS.ErrnoException | undefined;
    assert.equal(again?.code, "ERR_SERVER_NOT_RUNNING");
  });
}

test("close() of a server that does not listen says so, as Node does", async () => {
  const server = http.createServer();
  stoppable(server);
  const error = await closed(server);
  assert.equal((error as NodeJS.ErrnoException).code, "ERR_SERVER_NOT_RUNNING");
});

test("an app that looks whether its port is free, and does not wait for the answer, gets it", async (t) => {
  const probe = createServer();
  stoppable(probe);
  await listening(probe, 0);
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const server = http.createServer(ok);
  const listener = stoppable(server);
  await listening(server, port);
  t.after(() => listener.stop());
  const client = (await RawClient.connect({ port, tls: false })).get("/");
  assert.equal((await client.responses(1))[0]?.body, "ok");
  client.socket.destroy();
});

test("close() frees idle connections, as Node does, and what accepts for the server hears of it", async (t) => {
  const server = http.createServer(ok);
  const listener = stoppable(server);
  t.after(() => listener.stop());
  await listening(server, 0);
  const { port } = server.address() as AddressInfo;
  const idle = (await RawClient.connect({ port, tls: false })).get("/");
  await idle.responses(1);
  const refusing = once(server, "refusing", { signal: AbortSignal.timeout(SOON_MS) });
  const over = closed(server);
  await refusing;
  await idle.ended;
  assert.equal(await over, undefined);
  assert.equal(listener.isDraining, false);
});
