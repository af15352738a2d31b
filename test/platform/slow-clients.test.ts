import { equal, match, ok } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { CLIENT_LIMITS } from "#src/platform/proxy/client-options.js";
import { Pace } from "#src/platform/proxy/pace.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { clock, sweep } from "./clock.js";
import { rawClient } from "./raw.js";
import { rawApplication } from "./raw-application.js";
import { serveSite } from "./site.js";

const HOST = "Host: site\r\n";

test("the end of an answer with Connection: close gets to a client that reads slowly, however long that takes", async (t) => {
  const path = join(await temporaryFolder(t), "access.log");
  const site = await serveSite(t, { accessLog: { path, format: "json" } });
  const passes = clock(t);
  const bytes = 20_000_000;
  const slow = rawClient(t, site.handler.port);
  slow.send(`GET /large?bytes=${bytes} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
  const pause = (): unknown => slow.socket.pause();
  slow.socket.on("data", pause);
  const handedOver = async (): Promise<boolean> => {
    slow.socket.resume();
    return (await readFile(path, "utf8").catch(() => "")).includes("/large");
  };
  await until("all of it is handed over", handedOver);
  ok(slow.received.length < bytes, "while some of it is on the way");
  await sweep(t, [site.handler.port], () => passes(CLIENT_LIMITS.headMs));
  slow.socket.off("data", pause).resume();
  const received = await slow.ends();
  equal(received.length - received.indexOf("\r\n\r\n") - 4, bytes);
});

/** Answers each request at once and keeps the connection. */
const rejecting = (text: string, answer: (text: string) => void): void => {
  if (text.startsWith("POST ")) answer("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
};

test("a body that stalls behind an early answer has the limit of every other body", async (t) => {
  const { port } = await rawApplication(t, rejecting);
  const passes = clock(t);
  const client = rawClient(t, port);
  client.send(`POST / HTTP/1.1\r\n${HOST}Content-Length: 100\r\n\r\nhalf of it`);
  await client.sees(/413 No[\s\S]*no$/);
  passes(CLIENT_LIMITS.idleMs);
  match(await client.ends(), /no$/);
});

test("a body that drips is ended once it is too far behind the least rate, one with pauses is not, and 0 allows each", async (t) => {
  let reached = 0;
  const count = (text: string): void => void (reached += text.length);
  const [drips, pauses, any] = [
    await rawApplication(t, count),
    await rawApplication(t, count),
    await rawApplication(t, count, { minRate: 0 }),
  ];
  const passes = clock(t);
  const clients = [drips, pauses, any].map(({ port }) => rawClient(t, port));
  for (const client of clients) client.send(`POST / HTTP/1.1\r\n${HOST}Content-Length: 1000000\r\n\r\n`);
  const [dripping, pausing, allowed] = clients;
  ok(dripping && pausing && allowed);
  const part = "x".repeat(30_000);
  for (let minutes = 0; minutes < 5; minutes += 1) {
    const before = reached;
    if (!dripping.closed) dripping.send("x");
    allowed.send("x");
    pausing.send(part);
    await until("all is through", () => reached >= before + part.length + 1);
    await sweep(t, [drips.port, pauses.port, any.port], () => passes(100_000));
  }
  equal(await dripping.ends(), "");
  equal(pausing.closed, false);
  equal(allowed.closed, false);
});

test("an application that does not read is to blame for it, and not the client", async (t) => {
  const { port } = await rawApplication(t, (_text, _answer, socket) => void socket.pause());
  const passes = clock(t);
  const client = rawClient(t, port);
  client.send(`POST / HTTP/1.1\r\n${HOST}Content-Length: 50000000\r\n\r\n`);
  client.send(Buffer.alloc(50_000_000));
  const answered = (): RegExpExecArray | undefined => {
    passes(10_000);
    return /^HTTP\/1\.1 (?:502|408) .*/.exec(client.received) ?? undefined;
  };
  const [line] = await until("an answer", answered, 1_000 * CLIENT_LIMITS.idleMs);
  match(line, /502/);
});

test("pace: a pause is forgiven, a drip is not, and what is not the peer's turn does not count", (t) => {
  const passes = clock(t);
  const pace = new Pace(120_000, 240);
  const late = (): boolean => pace.until <= Date.now();
  pace.begin(0);
  passes(119_000);
  equal(late(), false);
  pace.reached(240 * 119); // It has caught up.
  passes(119_000);
  equal(late(), false);
  pace.hold();
  passes(1_000_000);
  equal(late(), false);
  pace.goOn();
  equal(late(), false);
  passes(2_000);
  equal(late(), true);
  pace.begin(0);
  for (const seconds of [60, 120]) {
    passes(60_000);
    pace.reached(seconds);
  }
  passes(2_000);
  equal(late(), true);
  pace.end();
  equal(late(), false);
});
