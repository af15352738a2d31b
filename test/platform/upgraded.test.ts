import { equal, match } from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { CLIENT_LIMITS } from "#src/platform/proxy/client-options.js";
import { until } from "../rig/until.js";
import { clock, sweep } from "./clock.js";
import { rawClient } from "./raw.js";
import { rawApplication } from "./raw-application.js";

const UPGRADE = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";
const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";

test("an application's half of an upgraded connection ends with its client, however that went and whatever it says", async (t) => {
  let open = 0;
  // An application that never ends anything itself.
  const { port } = await rawApplication(t, (text, answer, socket) => {
    if (!text.startsWith("GET ")) return;
    answer(SWITCHED);
    open += 1;
    const talk = setInterval(() => socket.write("still talking"), 20);
    socket.on("close", () => {
      clearInterval(talk);
      open -= 1;
    });
  });
  for (const end of ["destroy", "resetAndDestroy", "end"] as const) {
    const clients = Array.from({ length: 5 }, () => rawClient(t, port));
    for (const client of clients) client.send(UPGRADE);
    for (const client of clients) await client.sees(/still talking/);
    for (const client of clients) client.socket[end]();
    await until(`none is left after ${end}`, () => open === 0);
  }
});

test("what an application has to say is read to its end after the client has ended its half", async (t) => {
  let ended: "whole" | "reset" | undefined;
  const { port } = await rawApplication(t, (text, answer, socket) => {
    if (!text.startsWith("GET ")) return;
    answer(SWITCHED);
    socket.on("end", () => {
      socket.end(Buffer.alloc(2_000_000), () => (ended ??= "whole"));
      socket.on("error", () => (ended ??= "reset"));
    });
  });
  const client = rawClient(t, port);
  client.send(UPGRADE);
  await client.sees(/101 /);
  client.socket.end();
  equal(await until("the application has ended", () => ended), "whole");
});

test("a connection over which an upgrade was refused carries no request of anybody else", async (t) => {
  const left = new Set<Socket>();
  const { port } = await rawApplication(t, (text, answer, socket) => {
    // A server in Node leaves the socket to its owner once an upgrade was asked for: nobody reads it as HTTP again.
    if (left.has(socket)) return;
    if (!/^upgrade:/im.test(text)) return answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    left.add(socket);
    answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  });
  const first = rawClient(t, port);
  first.send(UPGRADE);
  await first.sees(/401 /);
  const visitor = rawClient(t, port);
  visitor.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await visitor.sees(/\r\n\r\nok$/);
});

for (const [what, fields, body] of [
  ["a length", "Content-Length: 5\r\n", "hello"],
  ["chunks", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"],
] as const) {
  test(`what follows the body of an upgrade request with ${what} reaches the application, though that switched before`, async (t) => {
    let seen = "";
    const { port } = await rawApplication(t, (text, answer) => {
      if (text.startsWith("GET ")) answer(SWITCHED);
      else seen += text;
    });
    const client = rawClient(t, port);
    client.send(UPGRADE.replace("\r\n\r\n", `\r\n${fields}\r\n`));
    await client.sees(/101 /);
    client.send(body.slice(0, 2));
    client.send(`${body.slice(2)}first`);
    client.send(" second");
    await until(
      () => `first second in ${JSON.stringify(seen)}`,
      () => seen.endsWith("first second"),
    );
  });
}

test("an upgraded connection may be quiet for as long as it likes", async (t) => {
  const { port } = await rawApplication(t, (text, answer) =>
    answer(text.startsWith("GET ") ? SWITCHED : text),
  );
  const client = rawClient(t, port);
  client.send(UPGRADE);
  await client.sees(/101 /);
  const passes = clock(t);
  await sweep(t, [port], () => passes(10 * CLIENT_LIMITS.idleMs));
  client.send("echo");
  match((await client.sees(/echo$/))[0], /echo/);
});
