import { equal, match, ok } from "node:assert/strict";
import { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { test } from "node:test";
import { ClientConnection } from "#src/platform/client-connection.js";
import { CLIENT_LIMITS } from "#src/platform/proxy/client-options.js";
import { Pace } from "#src/platform/proxy/pace.js";
import { OFTEN_MS, until } from "../rig/until.js";
import { clock, sweep } from "./clock.js";
import { rawClient } from "./raw.js";
import { rawApplication } from "./raw-application.js";

const HOST = "Host: site\r\n";

/** A connection whose client reads what it is told to, byte by byte as the kernel would see it. */
class Line extends Duplex {
  bytesWritten = 0;
  #taken: (() => void) | undefined;

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, taken: () => void): void {
    this.bytesWritten += bytes.length;
    this.#taken = taken;
  }

  reads(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }
}

test("an answer with Connection: close is written to its end, however slowly it is read, and then the connection is over", async (t) => {
  const passes = clock(t);
  const line = new Line();
  const page = "x".repeat(1_000);
  const connection = new ClientConnection(line as unknown as Socket, {
    router: { route: (exchange) => exchange.fail({ status: 503, substatus: 0, reason: "", page }) },
    facts: { address: "", forwardedFor: "", localAddress: "", scheme: "http", trusted: false },
    local: false,
    maxBodyBytes: 1_000,
    minRate: 240,
    defect: (error) => {
      throw error;
    },
    ended: undefined,
  });
  const over = (): boolean => {
    connection.sweep(Date.now());
    return line.destroyed;
  };
  line.push(`GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
  await until("the answer", () => line.bytesWritten > page.length);
  passes(CLIENT_LIMITS.idleMs - 1_000);
  equal(over(), false, "while it has to read");
  line.reads();
  await until("all is written", () => line.writableFinished);
  passes(CLIENT_LIMITS.lingerMs - 500);
  equal(over(), false);
  passes(1_000);
  equal(over(), true);
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
  const [line] = await until("an answer", answered, 1_000 * CLIENT_LIMITS.idleMs, OFTEN_MS);
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
