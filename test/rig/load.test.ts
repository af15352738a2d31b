import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { assertNoneFailed, assertVersions, report } from "./load-report.ts";
import { Connection, type WireRequest } from "./load-connection.ts";
import { until } from "./until.ts";
import { startLoad, type LoadStream, type Sample } from "./load.ts";

const KEEP_ALIVE: LoadStream = { name: "keep-alive", perSecond: 200, connections: 4 };
const FRESH: LoadStream = { name: "fresh", perSecond: 200, connections: "fresh" };
const POST: LoadStream = {
  name: "post",
  perSecond: 200,
  connections: 4,
  halvesApartMs: 5,
  expect: "half; second",
};

test("three kinds of client against a sound server: constant rate, no failure, latencies from the due time", async (t) => {
  let connections = 0;
  const server = createHttpServer((request, response) => {
    request.setEncoding("utf8").on("data", (half: string) => response.write(half));
    request.on("end", () => response.end("version 1"));
  }).on("connection", () => (connections += 1));
  const samples = await load(t, server, [KEEP_ALIVE, FRESH, POST], 300);
  assertNoneFailed(samples);
  const { all, fresh } = report(samples);
  assert.ok(all !== undefined && fresh !== undefined && all.requests >= 300);
  assert.ok(connections >= fresh.requests && connections <= fresh.requests + 8, `${connections} connections`);
  assert.ok(samples.every(({ version, dueAt, doneAt }) => version === "1" && doneAt >= dueAt));
  for (const { name, perSecond } of [KEEP_ALIVE, FRESH, POST]) {
    const due = samples.filter(({ stream }) => stream === name).map(({ dueAt }) => dueAt);
    const steps = due
      .sort((a, b) => a - b)
      .map((at, index) => at - (due[0] ?? 0) - (index * 1000) / perSecond);
    assert.ok(
      steps.every((step) => Math.abs(step) <= 1),
      `${name} comes at a constant rate`,
    );
  }
});

test("a request that is refused, reset, left empty, cut or answered with 500 counts as exactly that", async (t) => {
  const refused = createServer();
  const cases: readonly (readonly [string, Server])[] = [
    ["reset", createServer((socket) => socket.once("data", () => socket.resetAndDestroy()))],
    ["empty", createServer((socket) => socket.once("data", () => socket.end()))],
    ["truncated", answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")],
    ["status", answering("HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")],
    ["malformed", answering("SSH-2.0-OpenSSH_9.2\r\n\r\n")],
    ["refused", refused],
  ];
  for (const [kind, server] of cases) {
    const samples = await load(t, server, [KEEP_ALIVE, FRESH], 20, server === refused);
    const { all } = report(samples);
    assert.deepEqual(all?.failures, { [kind]: samples.length }, kind);
    assert.throws(() => assertNoneFailed(samples), /requests failed/);
  }
});

test("a connection whose FIN came while it was idle, or that answered Connection: close, is not used again", async (t) => {
  const sockets: Socket[] = [];
  const server = createHttpServer((request, response) => {
    sockets.push(request.socket);
    if (request.url === "/close") response.setHeader("Connection", "close");
    response.end("version 1");
  });
  const port = await listen(t, server);
  const get = (path: string): WireRequest => ({
    head: `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`,
    halfDelayMs: 0,
    timeoutMs: 5_000,
  });
  const asked = new Connection("127.0.0.1", port);
  assert.ok((await asked.exchange(get("/close"))).ok);
  assert.equal(asked.reusable, false);

  const kept = new Connection("127.0.0.1", port);
  assert.ok((await kept.exchange(get("/"))).ok);
  assert.equal(kept.reusable, true);
  sockets.at(-1)?.end();
  await until("the FIN arrives", () => !kept.reusable);
});

test("a server that stalls makes the requests that were due meanwhile late, and fails those past the timeout", async (t) => {
  const held: Socket[] = [];
  const server = createServer((socket) => socket.once("data", () => held.push(socket)));
  const port = await listen(t, server);
  const running = await startLoad({ port, streams: [KEEP_ALIVE], timeoutMs: 200 });
  await running.until(({ failed }) => failed >= 20, "requests time out");
  const samples = await running.stop();
  assert.deepEqual(report(samples)["all"]?.failures, { timeout: samples.length });
  assert.ok(
    samples.some(({ dueAt, sentAt }) => sentAt - dueAt > 100),
    "some waited for a connection",
  );
});

test("an answer by an old version after the deploy's return is told from one by the version that is next", () => {
  const swaps = [
    { version: "a", startedAt: 0, returnedAt: 100 },
    { version: "b", startedAt: 5_000, returnedAt: 5_500 },
  ];
  const answer = (version: string, sentAt: number): Sample => {
    const times = { dueAt: sentAt, sentAt, doneAt: sentAt + 1 };
    return { stream: "s", ...times, version, failure: undefined, detail: undefined };
  };
  assertVersions(
    [answer("a", 2_000), answer("a", 6_400), answer("b", 5_200), answer("b", 6_600)],
    swaps,
    1_000,
  );
  assert.throws(() => assertVersions([answer("a", 6_600)], swaps, 1_000), /answered by a/);
  assert.throws(() => assertVersions([answer("b", 4_000)], swaps, 1_000), /answered by b/);
});

function answering(text: string): Server {
  return createServer((socket) => socket.once("data", () => socket.end(text)));
}

async function load(
  t: TestContext,
  server: Server,
  streams: readonly LoadStream[],
  requests: number,
  closed = false,
): Promise<readonly Sample[]> {
  const port = await listen(t, server);
  if (closed) await new Promise((done) => server.close(done));
  const running = await startLoad({ port, streams, version: "version (\\d+)" });
  await running.until(({ done }) => done >= requests, `${requests} requests`);
  return running.stop();
}

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}
