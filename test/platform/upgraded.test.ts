import { equal, match } from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
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

test("a client that vanishes without a word is looked for by the system, though nothing is due to it", async (t) => {
  const { port } = await rawApplication(t, (text, answer) => {
    if (text.startsWith("GET ")) answer(SWITCHED);
  });
  const client = rawClient(t, port);
  client.send(UPGRADE);
  await client.sees(/101/);
  const { stdout } = await promisify(execFile)("ss", ["-tnoH", "state", "established", `sport = :${port}`]);
  match(stdout, /timer:\(keepalive,/);
});
