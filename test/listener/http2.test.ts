import assert from "node:assert/strict";
import { once } from "node:events";
import * as http2 from "node:http2";
import type { Server } from "node:net";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { StoppableOptions } from "#src/listener/options.js";
import { cert, key } from "./rig/certificate.js";
import { FRAME, RawHttp2Client } from "./rig/raw-http2.js";
import { slowProxy } from "./rig/slow-proxy.js";
import { listen, SOON_MS, type RunningServer } from "./rig/servers.js";

/** Half of it on Windows: Wine loses a write of more than 1,024 buffers, which are the frames of 8 MB. */
const LARGE = (process.platform === "win32" ? 4 : 8) * 1024 * 1024;

type StreamHandler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

interface Kind {
  readonly name: string;
  readonly tls: boolean;
  create(): Server;
}

const kinds: readonly Kind[] = [
  { name: "h2c", tls: false, create: () => http2.createServer() },
  { name: "h2 over TLS", tls: true, create: () => http2.createSecureServer({ key, cert }) },
  {
    name: "h2 over TLS with allowHTTP1",
    tls: true,
    create: () => http2.createSecureServer({ key, cert, allowHTTP1: true }),
  },
];

const answerOk: StreamHandler = (stream) => {
  stream.respond({ ":status": 200 });
  stream.end("ok");
};

async function serve(
  t: TestContext,
  kind: Kind,
  handler: StreamHandler,
  options: StoppableOptions = {},
): Promise<RunningServer> {
  const server = kind.create();
  server.on("stream", handler);
  return listen(t, server, kind.tls, options);
}

async function connect(
  t: TestContext,
  server: RunningServer,
  settings: http2.Settings = {},
): Promise<http2.ClientHttp2Session> {
  const origin = `${server.tls ? "https" : "http"}://127.0.0.1:${server.port}`;
  const session = http2.connect(origin, { rejectUnauthorized: false, settings });
  session.on("error", () => undefined);
  t.after(() => session.destroy());
  await once(session, "remoteSettings");
  return session;
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  /** 0: a whole answer. */
  readonly code: number;
}

function get(
  session: http2.ClientHttp2Session,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const stream = session.request({ ":path": path, ...headers });
  let status: number | undefined;
  const parts: string[] = [];
  stream.setEncoding("latin1");
  stream.on("response", (response) => {
    status = response[":status"];
  });
  stream.on("data", (text: string) => parts.push(text));
  stream.on("error", () => undefined);
  return new Promise((resolve) => {
    stream.on("close", () => resolve({ status, body: parts.join(""), code: stream.rstCode ?? -1 }));
  });
}

for (const kind of kinds) {
  test(`${kind.name}: running streams finish, the session is told the last one, then its connection closes`, async (t) => {
    const streams: http2.ServerHttp2Stream[] = [];
    const server = await serve(t, kind, (stream) => streams.push(stream));
    const session = await connect(t, server);
    const goaway = once(session, "goaway");
    const answers = [get(session, "/1"), get(session, "/2")];
    while (streams.length < 2) await once(server.server, "stream");
    const stopped = server.stop();
    const [code, lastStreamId] = (await goaway) as [number, number];
    assert.deepEqual([code, lastStreamId], [http2.constants.NGHTTP2_NO_ERROR, streams[1]?.id]);
    for (const stream of streams) {
      stream.respond({ ":status": 200 });
      stream.end("whole");
    }
    for (const answer of await Promise.all(answers)) {
      assert.deepEqual(answer, { status: 200, body: "whole", code: 0 });
    }
    await once(session, "close");
    const report = await stopped;
    // Not exactly one: tests beside this one look for their own programs on ports that may have become ours.
    assert.ok((report.connections.http2 ?? 0) >= 1);
    assert.deepEqual([report.served, report.cut], [2, []]);
  });

  test(`${kind.name}: an idle session is closed at once`, async (t) => {
    const server = await serve(t, kind, answerOk);
    const session = await connect(t, server);
    assert.equal((await get(session, "/")).body, "ok");
    const stopped = server.stop();
    await once(session, "close");
    const report = await stopped;
    assert.ok(report.durationMs < SOON_MS, String(report.durationMs));
    assert.deepEqual(report.cut, []);
  });

  test(`${kind.name}: an idle session is kept for one more request, and told to go away with that one`, async (t) => {
    const server = await serve(t, kind, answerOk, { lingerMs: 4 * SOON_MS });
    const session = await connect(t, server);
    assert.equal((await get(session, "/1")).body, "ok");
    const goaway = once(session, "goaway", { signal: AbortSignal.timeout(SOON_MS) });
    const stopped = server.stop();
    await delay(100);
    assert.deepEqual(await get(session, "/2"), { status: 200, body: "ok", code: 0 });
    await goaway;
    assert.deepEqual((await stopped).cut, []);
  });

  test(`${kind.name}: a stream whose bytes the kernel has when stop begins is served`, async (t) => {
    const server = await serve(t, kind, answerOk, { lingerMs: 0 });
    const client = await RawHttp2Client.connect(server);
    client.get(1);
    const stopped = server.stop();
    assert.equal(await client.body(1), "ok");
    client.raw.socket.end();
    assert.equal((await stopped).served, 1);
  });

  test(`${kind.name}: a stream that crosses the GOAWAY is not run, and can be sent again`, async (t) => {
    const streams: http2.ServerHttp2Stream[] = [];
    const server = await serve(t, kind, (stream) => streams.push(stream));
    const client = (await RawHttp2Client.connect(server)).get(1);
    await once(server.server, "stream");
    const stopped = server.stop();
    const goaway = await client.until("GOAWAY", ({ type }) => type === FRAME.goaway);
    client.get(3); // As if it had been on its way.
    const { bytesRead } = server.sockets[0] ?? {};
    while (server.sockets[0]?.bytesRead === bytesRead) await new Promise(setImmediate);
    streams[0]?.respond({ ":status": 200 });
    streams[0]?.end("whole");
    assert.equal(await client.body(1), "whole");
    assert.equal(goaway.payload.readUInt32BE(0), 1);
    assert.equal(goaway.payload.readUInt32BE(4), http2.constants.NGHTTP2_NO_ERROR);
    assert.equal(await client.raw.ended, "fin");
    client.raw.socket.end();
    await stopped;
    assert.equal(streams.length, 1);
    const answers = client.frames.filter(({ stream, type }) => stream === 3 && type !== FRAME.rstStream);
    assert.deepEqual(answers, []);
  });

  test(`${kind.name}: 8 MB that were end()ed but not flushed reach a slow reader whole`, async (t) => {
    const server = await serve(
      t,
      kind,
      (stream) => {
        stream.respond({ ":status": 200 });
        stream.end("x".repeat(LARGE));
      },
      { halfCloseMs: 5_000 },
    );
    const proxy = await slowProxy(t, server.port);
    const session = await connect(t, { ...server, port: proxy.port }, { initialWindowSize: 2 * LARGE });
    session.setLocalWindowSize(2 * LARGE);
    await new Promise<void>((resolve) => session.settings({ initialWindowSize: 2 * LARGE }, () => resolve()));
    proxy.pause();
    const stream = session.request({ ":path": "/" });
    let length = 0;
    stream.on("data", (chunk: Buffer) => {
      length += chunk.length;
    });
    await once(server.server, "stream");
    const stopped = server.stop();
    await new Promise((resolve) => setTimeout(resolve, 500));
    proxy.resume();
    await once(stream, "close");
    assert.equal(length, LARGE);
    assert.deepEqual((await stopped).cut, []);
  });

  test(`${kind.name}: a session that was never used does not hold the stop`, async (t) => {
    const server = await serve(t, kind, () => undefined);
    const session = await connect(t, server);
    const stopped = server.stop();
    await once(session, "close");
    assert.deepEqual((await stopped).cut, []);
  });

  test(`${kind.name}: an event stream is ended whole at its own deadline`, async (t) => {
    let running: http2.ServerHttp2Stream | undefined;
    const server = await serve(
      t,
      kind,
      (stream) => {
        running = stream;
        stream.respond({ ":status": 200, "content-type": "text/event-stream" });
        stream.write("data: 1\n\n");
      },
      { eventStreamDeadlineMs: 100 },
    );
    const session = await connect(t, server);
    const answer = get(session, "/");
    await once(server.server, "stream");
    const stopped = server.stop();
    assert.deepEqual(await answer, { status: 200, body: "data: 1\n\n", code: 0 });
    running?.write("data: 2\n\n"); // An app that does not know meets no failure.
    assert.deepEqual((await stopped).cut, []);
  });

  test(`${kind.name}: a long poll is answered with 204 at its own deadline`, async (t) => {
    const server = await serve(t, kind, () => undefined, { longPollDeadlineMs: 100 });
    const session = await connect(t, server);
    const answer = get(session, "/news", { prefer: "wait=60" });
    await once(server.server, "stream");
    const stopped = server.stop();
    assert.deepEqual(await answer, { status: 204, body: "", code: 0 });
    assert.deepEqual((await stopped).cut, []);
  });

  test(`${kind.name}: a stream that hangs is destroyed at the deadline, and named in the report`, async (t) => {
    const server = await serve(t, kind, () => undefined, { deadlineMs: 300 });
    const session = await connect(t, server);
    void get(session, "/hangs?secret=1");
    await once(server.server, "stream");
    const report = await server.stop();
    const [cut, ...more] = report.cut;
    assert.deepEqual({ ...cut, ageMs: 0 }, { kind: "request", ageMs: 0, method: "GET", path: "/hangs" });
    assert.deepEqual(more, []);
    assert.ok(report.durationMs >= 290 && report.durationMs < SOON_MS, String(report.durationMs));
  });

  test(`${kind.name}: sessions that wait in the kernel's queue are served`, async (t) => {
    const server = await serve(t, kind, answerOk);
    const origin = `${kind.tls ? "https" : "http"}://127.0.0.1:${server.port}`;
    const sessions = Array.from({ length: 20 }, () => http2.connect(origin, { rejectUnauthorized: false }));
    t.after(() => sessions.forEach((session) => session.destroy()));
    for (const session of sessions) session.on("error", () => undefined);
    const answers = sessions.map((session) => get(session, "/"));
    const stopped = server.stop();
    for (const answer of await Promise.all(answers))
      assert.deepEqual(answer, { status: 200, body: "ok", code: 0 });
    assert.equal((await stopped).served, 20);
  });
}

test("an http2 app that uses request and response objects is drained the same way", async (t) => {
  const server = http2.createServer((_request, response) => {
    server.once("draining", () => response.end("whole"));
  });
  const running = await listen(t, server, false);
  const session = await connect(t, running);
  const answer = get(session, "/");
  await once(server, "request");
  const stopped = running.stop();
  assert.deepEqual(await answer, { status: 200, body: "whole", code: 0 });
  assert.equal((await stopped).served, 1);
});
