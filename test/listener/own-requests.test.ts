import assert from "node:assert/strict";
import { test } from "node:test";
import { healthAnswer } from "#src/listener/health.js";
import { answerFirst } from "#src/listener/own-requests.js";
import { shutdownAnswer } from "#src/listener/shutdown-request.js";
import { stoppable } from "#src/listener/stoppable.js";
import { held, ok } from "./rig/handlers.js";
import { RawClient } from "./rig/raw-client.js";
import { protocols, serve } from "./rig/servers.js";

const TOKEN = "0d7ec9d2-9f1c-4f7f-8a75-6a2d5a8bd7e0";

function shutdown(path: string, token: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: test\r\nMS-ASPNETCORE-EVENT: shutdown\r\nMS-ASPNETCORE-TOKEN: ${token}\r\nContent-Length: 0\r\n\r\n`;
}

for (const protocol of protocols) {
  test(`${protocol.name}: the health response is 200 while the server serves, and 503 with Retry-After while it drains`, async (t) => {
    const { handler, next } = held();
    const server = await serve(t, protocol, handler, { lingerMs: 10_000 });
    answerFirst(server.server, healthAnswer("/health", stoppable(server.server)));
    const client = (await RawClient.connect(server)).get("/health?probe=1");
    const body = JSON.stringify({ status: "ok" });
    assert.deepEqual(await client.responses(1), [{ status: 200, connection: "keep-alive", body }]);
    const busy = (await RawClient.connect(server)).get("/busy");
    const { response } = await next();
    const stopped = server.stop();
    client.text = "";
    client.get("/health");
    const draining = JSON.stringify({ status: "draining" });
    assert.deepEqual(await client.responses(1), [{ status: 503, connection: "close", body: draining }]);
    assert.match(client.text, /^Retry-After: 5$/im);
    response.end("ok");
    for (const { socket } of [client, busy]) socket.end();
    await stopped;
  });

  test(`${protocol.name}: the module's request to stop is answered with 202 and stops; with another token it is the app's`, async (t) => {
    let asked = 0;
    const server = await serve(t, protocol, ok);
    const answer = shutdownAnswer({ token: TOKEN, appPath: "/Shop" }, () => (asked += 1));
    answerFirst(server.server, answer);
    const client = (await RawClient.connect(server)).write(shutdown("/shop/iisintegration", "guessed"));
    assert.equal((await client.responses(1))[0]?.body, "ok");
    client.get("/iisintegration");
    assert.equal((await client.responses(2))[1]?.body, "ok");
    assert.equal(asked, 0);
    client.write(shutdown("/shop/iisintegration", TOKEN));
    assert.equal((await client.responses(3))[2]?.status, 202);
    assert.equal(asked, 1);
    client.write(shutdown("/iisintegration", TOKEN));
    assert.equal((await client.responses(4))[3]?.status, 202);
    client.socket.end();
  });
}
