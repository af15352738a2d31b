import assert from "node:assert/strict";
import { test } from "node:test";
import { held } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { protocols, serve } from "./rig/servers.js";

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;
const closing = (body: string) => ({ status: 200, connection: "close", body });
const going = (body: string) => ({ status: 200, connection: "keep-alive", body });

for (const protocol of protocols) {
  test(`${protocol.name}: pipelined requests are all answered, close only on the last`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler);
    const client = (await RawClient.connect(server)).write(GET("/1") + GET("/2") + GET("/3"));
    const responses = [await next(), await next(), await next()];
    const stopped = server.stop();
    for (const { request, response } of responses) response.end(request.url);
    assert.deepEqual(await client.responses(3), [going("/1"), going("/2"), closing("/3")]);
    assert.equal(await client.ended, "fin");
    client.socket.end();
    assert.equal((await stopped).served, 3);
  });

  test(`${protocol.name}: pipelined requests are all answered when the last is answered first`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler);
    const client = (await RawClient.connect(server)).write(GET("/1") + GET("/2"));
    const [first, second] = [await next(), await next()];
    const stopped = server.stop();
    second.response.end("/2");
    first.response.end("/1");
    assert.deepEqual(await client.responses(2), [going("/1"), closing("/2")]);
    client.socket.end();
    assert.equal((await stopped).served, 2);
  });

  test(`${protocol.name}: pipelined requests that arrive together during the drain are all answered`, async (t) => {
    const server = await serve(t, protocol, (request, response) => response.end(request.url));
    const client = RawClient.begin(server).write(GET("/1") + GET("/2") + GET("/3"));
    const stopped = server.stop();
    assert.deepEqual(await client.responses(3), [going("/1"), going("/2"), closing("/3")]);
    client.socket.end();
    assert.equal((await stopped).served, 3);
  });

  test(`${protocol.name}: a request behind one that is being told to close joins it`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler);
    const client = (await RawClient.connect(server)).get("/1");
    const first = await next();
    const stopped = server.stop();
    client.get("/2");
    const second = await next();
    first.response.end("/1");
    second.response.end("/2");
    assert.deepEqual(await client.responses(2), [going("/1"), closing("/2")]);
    client.socket.end();
    assert.equal((await stopped).served, 2);
  });

  test(`${protocol.name}: a request behind an answer that said close is not run`, async (t) => {
    const ran: (string | undefined)[] = [];
    const { handler, next } = held();
    const server = await serve(t, protocol, (request, response) => {
      ran.push(request.url);
      handler(request, response);
    });
    const client = (await RawClient.connect(server)).get("/1");
    const { response } = await next();
    const stopped = server.stop();
    response.write("begun, ");
    await client.until("the head", () => client.text.includes("begun") || undefined);
    const seen = server.sockets[0]?.bytesRead ?? 0;
    client.get("/2");
    while (server.sockets[0]?.bytesRead === seen) await new Promise(setImmediate);
    response.end("done");
    assert.deepEqual(await client.responses(1), [closing("begun, done")]);
    assert.equal(await client.ended, "fin");
    client.socket.end();
    await stopped;
    assert.deepEqual(ran, ["/1"]);
  });

  test(`${protocol.name}: an app that insists on keep-alive is served until its client is silent`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler, { lingerMs: 1_000 });
    const client = (await RawClient.connect(server)).get("/1");
    const first = await next();
    const stopped = server.stop();
    first.response.setHeader("Connection", "keep-alive").end("/1");
    assert.deepEqual(await client.responses(1), [going("/1")]);
    client.get("/2");
    (await next()).response.end("/2");
    assert.deepEqual(await client.responses(2), [going("/1"), closing("/2")]);
    assert.equal(await client.ended, "fin");
    client.socket.end();
    assert.equal((await stopped).served, 2);
  });
}
