import { equal, match, ok } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { CLIENT_LIMITS } from "#src/platform/proxy/client-options.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { clock } from "./clock.js";
import { fetch } from "./fetch.js";
import { exchangeRaw, rawClient } from "./raw.js";
import { rawApplication } from "./raw-application.js";
import { serveSite } from "./site.js";

const REQUEST = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/** More than a stack holds of any call that each of them makes inside the one before. */
const MANY = 10_000;

const answers = (text: string, status: number): number => text.split(`HTTP/1.1 ${status} `).length - 1;

test("thousands of pipelined requests that the handler answers itself are all answered, and it lives on", async (t) => {
  const site = await serveSite(t, { offline: "away" });
  const client = rawClient(t, site.handler.port);
  client.send(REQUEST.repeat(MANY));
  await until("all are answered", () => answers(client.received, 503) === MANY);
  equal((await fetch(site.url)).status, 503);
});

test("so are those behind a full queue, in the order of their arrival", async (t) => {
  const site = await serveSite(t, { program: "sleep 600", hold: { requests: 1, timeMs: 60_000 } });
  const [first, client] = [rawClient(t, site.handler.port), rawClient(t, site.handler.port)];
  first.send(REQUEST);
  await site.nth("backend-starting", 1);
  client.send(`${REQUEST.repeat(MANY)}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  const received = await client.ends();
  equal(answers(received, 503), MANY + 1);
  match(received.slice(received.lastIndexOf("HTTP/1.1 ")), /\r\nConnection: close\r\n/);
  equal(first.received, "");
  // Gone, and not only done with asking: nothing is due to it.
  first.socket.resetAndDestroy();
});

test("who pipelines and does not read is answered no further, and is let go", async (t) => {
  const path = join(await temporaryFolder(t), "access.log");
  const offline = "x".repeat(10_000);
  const site = await serveSite(t, { offline, maxConnections: 1, accessLog: { path, format: "json" } });
  const passes = clock(t);
  const client = rawClient(t, site.handler.port);
  client.socket.pause();
  const asked = 20_000;
  client.send(REQUEST.repeat(asked));
  const othersComeIn = async (): Promise<boolean> => {
    passes(CLIENT_LIMITS.idleMs);
    const other = rawClient(t, site.handler.port);
    other.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    return (await other.ends()) !== "";
  };
  await until("it is let go, and its place is free", othersComeIn, 1_000 * CLIENT_LIMITS.idleMs);
  await site.handler.stop();
  const written = (await readFile(path, "utf8")).split("\n").length;
  ok(written < asked / 2, `${written} answers were written for nobody`);
});

test("an application that sends interim answers without end is answered for with 502, and the handler lives on", async (t) => {
  const { port } = await rawApplication(t, (text, answer) => {
    const count = Number(/^GET \/(\d+)/.exec(text)?.[1]);
    answer(`${"HTTP/1.1 100\r\n\r\n".repeat(count)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
  });
  const get = (count: number): Promise<string> =>
    exchangeRaw(t, port, `GET /${count} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  match(await get(4_090), /\r\nHTTP\/1\.1 502 [\s\S]*502\.3/);
  const few = await get(50);
  equal(answers(few, 200), 1);
  equal(few.split("HTTP/1.1 100").length - 1, 50);
});
