import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fastify } from "fastify";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { stoppable } from "#src/listener/stoppable.js";
import { held } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { http1, httpsProtocol, serve, SOON_MS } from "./rig/servers.js";

const LISTENER = pathToFileURL(resolve("dist/listener/stoppable.js")).href;

test("nothing of the drain keeps a process alive once its connections are closed", async () => {
  const source = `
    import { createServer } from "node:http";
    import { stoppable } from ${JSON.stringify(LISTENER)};
    const server = createServer((request, response) => response.end("ok"));
    const listener = stoppable(server);
    server.listen(0, "127.0.0.1", () => console.log(server.address().port));
    process.stdin.once("data", () => { process.stdin.destroy(); void listener.stop(); });`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", source], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const [port] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const client = (await RawClient.connect({ port: Number(port), tls: false })).get("/");
  await client.responses(1);
  const at = performance.now();
  child.stdin.write("stop\n");
  assert.equal(await client.ended, "fin");
  client.socket.end();
  assert.deepEqual(await exited, [0, null]);
  assert.ok(performance.now() - at < SOON_MS);
});

test("Fastify's own close() within the drain disturbs it not, and the framework's hooks run", async () => {
  const app = fastify();
  const closed: string[] = [];
  app.addHook("onClose", () => void closed.push("onClose"));
  let finish: (() => void) | undefined;
  app.get("/", (_request, reply) => {
    finish = () => void reply.send("whole");
  });
  stoppable(app.server);
  await app.listen({ port: 0, host: "127.0.0.1" });
  const where = { port: (app.server.address() as AddressInfo).port, tls: false };
  const idle = await RawClient.connect(where);
  const client = (await RawClient.connect(where)).get("/");
  await once(app.server, "request");
  const stopped = stoppable(app.server).stop();
  await once(app.server, "draining");
  const over = app.close();
  finish?.();
  assert.deepEqual(await client.responses(1), [{ status: 200, connection: "close", body: "whole" }]);
  assert.equal(await idle.ended, "fin");
  for (const { socket } of [idle, client]) socket.end();
  await over;
  assert.deepEqual(closed, ["onClose"]);
  assert.equal((await stopped).served, 1);
});

// The only ones of Node that have the method in all versions.
for (const protocol of [http1, httpsProtocol]) {
  test(`${protocol.name}: an app in a hurry ends its own drain by closeAllConnections()`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler);
    const client = (await RawClient.connect(server)).get("/");
    await next();
    const stopped = server.stop();
    while (server.server.listening) await new Promise(setImmediate);
    (server.server as Server).closeAllConnections();
    await client.ended;
    const report = await stopped;
    assert.ok(report.durationMs < SOON_MS);
    assert.deepEqual([report.served, report.cut], [0, []]);
  });
}

test("a listener of `draining` that throws does not keep the server from stopping", async (t) => {
  const failures: unknown[] = [];
  const heard = (error: unknown): void => void failures.push(error);
  // The test runner has listeners of its own for what is thrown where nobody catches it.
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException").once("uncaughtException", heard);
  t.after(() => others.forEach((other) => process.on("uncaughtException", other)));
  const server = await serve(t, http1, () => undefined);
  server.server.on("draining", () => {
    throw new Error("the app's own failure");
  });
  await server.stop();
  assert.equal(server.server.listening, false);
  assert.equal(failures.length, 1);
});
