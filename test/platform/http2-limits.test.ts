import { equal, match, ok } from "node:assert/strict";
import { connect, constants } from "node:http2";
import { once } from "node:events";
import { test } from "node:test";
import { CLIENT_LIMITS } from "#src/platform/proxy/client-options.js";
import { until } from "../rig/until.js";
import { clock } from "./clock.js";
import { OPEN_BODY, serveTls, visit } from "./http2-site.js";
import { END_HEADERS, FRAME, fieldBlock, frame, numberFrame, rawHttp2, requestFrame } from "./raw-http2.js";

const { NGHTTP2_CANCEL } = constants;

test("HTTP/2: a connection without a request is closed, however many frames come that belong to none", async (t) => {
  const site = await serveTls(t);
  const passes = clock(t);
  const silent = await rawHttp2(t, site.handler.port);
  const chatty = await rawHttp2(t, site.handler.port);
  const endless = await rawHttp2(t, site.handler.port);
  endless.send(frame(FRAME.headers, 0, 1, Buffer.alloc(0)));
  chatty.send(requestFrame(1));
  await chatty.sees(FRAME.data, 1);
  const pings = setInterval(() => chatty.send(frame(FRAME.ping, 0, 0, Buffer.alloc(8))), 10);
  t.after(() => clearInterval(pings));
  passes(CLIENT_LIMITS.headMs);
  await Promise.all([silent.ends(), endless.ends()]);
  equal(chatty.closed, false);
  passes(CLIENT_LIMITS.idleMs);
  await chatty.ends();
});

test("HTTP/2: streams count as connections; one too many is refused so that the client may repeat it", async (t) => {
  const site = await serveTls(t, { maxConnections: 4 });
  const client = await rawHttp2(t, site.handler.port);
  for (const stream of [1, 3, 5, 7]) client.send(requestFrame(stream, { path: "/wait" }));
  const refused = await client.sees(FRAME.reset, 7);
  equal(refused.payload.readUInt32BE(0), constants.NGHTTP2_REFUSED_STREAM);
  const other = await rawHttp2(t, site.handler.port).catch(() => undefined);
  await other?.ends();
  client.send(numberFrame(FRAME.reset, 1, NGHTTP2_CANCEL), requestFrame(9, { path: "/release" }));
  for (const stream of [3, 5, 9]) await client.sees(FRAME.data, stream);
  equal((await visit(site, "/")).status, 200);
});

test("HTTP/2: heads have the limits of HTTP/1", async (t) => {
  const site = await serveTls(t);
  const session = connect(`https://127.0.0.1:${site.handler.port}`, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  const ask = async (fields: Readonly<Record<string, string>>): Promise<number> => {
    const stream = session.request({ ":path": "/", ...fields });
    const answered = once(stream, "response") as Promise<[{ ":status"?: number }]>;
    const [headers] = await answered;
    stream.resume();
    return headers[":status"] ?? 0;
  };
  equal(await ask({ "x-a": "y".repeat(15_000) }), 200);
  equal(await ask({ "x-a": "y".repeat(17_000) }), 431);
  equal(await ask(Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`x-${n}`, "y"]))), 431);
  const client = await rawHttp2(t, site.handler.port);
  // What it is told at the start holds from here on.
  client.send(requestFrame(1));
  await client.sees(FRAME.data, 1);
  const half: readonly [string, string] = ["x-a", "y".repeat(12_000)];
  client.send(requestFrame(3, { flags: 1 }, [half]));
  for (let part = 0; part < 4; part += 1)
    client.send(frame(9, part === 3 ? END_HEADERS : 0, 3, fieldBlock([half])));
  await client.sees(FRAME.reset, 3);
  client.send(requestFrame(5));
  await client.sees(FRAME.data, 5);
});

test("HTTP/2: a session key that comes in a hundred and eighty cookies arrives as one field", async (t) => {
  const site = await serveTls(t);
  const client = await rawHttp2(t, site.handler.port);
  const crumbs = Array.from({ length: 180 }, (_, at): [string, string] => ["cookie", `c${at}=1`]);
  client.send(requestFrame(1, {}, crumbs));
  await client.sees(FRAME.data, 1);
});

test("HTTP/2: a client of Node that gives up thousands of answers costs itself the connection, and nobody else a wait", async (t) => {
  const site = await serveTls(t);
  equal((await visit(site, "/")).status, 200);
  const session = connect(`https://127.0.0.1:${site.handler.port}`, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  session.on("error", () => undefined); // That it is cut is what is asked for.
  for (let count = 0; count < 3_000 && !session.destroyed; count += 50) {
    const batch = Array.from({ length: 50 }, async () => {
      if (session.destroyed) return;
      const stream = session.request({ ":path": "/events" }).on("error", () => undefined);
      await Promise.race([once(stream, "response"), once(stream, "close")]).catch(() => undefined); // It is cut.
      stream.close(NGHTTP2_CANCEL);
    });
    await Promise.all(batch);
  }
  await until("it is cut", () => session.destroyed);
  equal((await visit(site, "/")).status, 200);
});

/** The client resets its own streams, or makes us do it, by more body than it has announced: CVE-2023-44487 and CVE-2025-8671. */
const RESETS: readonly (readonly [what: string, frames: (stream: number) => readonly Buffer[]])[] = [
  [
    "resets",
    (stream) => [requestFrame(stream, { path: "/never" }), numberFrame(FRAME.reset, stream, NGHTTP2_CANCEL)],
  ],
  [
    "makes us reset",
    (stream) => [
      requestFrame(stream, { method: "POST", path: "/never", flags: OPEN_BODY }, [["content-length", "1"]]),
      frame(FRAME.data, 0, stream, Buffer.from("more")),
    ],
  ],
];
for (const [what, frames] of RESETS) {
  test(`HTTP/2: a client that ${what} one stream after another loses its connection before it has cost much`, async (t) => {
    const site = await serveTls(t);
    equal((await visit(site, "/")).status, 200);
    const client = await rawHttp2(t, site.handler.port);
    for (let stream = 1; stream < 20_000 && !client.closed; stream += 100) {
      for (let next = stream; next < stream + 100; next += 2) {
        client.send(...frames(next));
      }
      await until("it is sent or over", () => client.closed || client.socket.writableLength === 0);
    }
    await client.ends();
    const { text } = await visit(site, "/pending");
    match(text, /^\d+$/);
    ok(Number(text) < 1_000, `the application saw ${text} requests`);
  });
}

test("HTTP/2: fields that go on for ever end the connection, and nobody else's", async (t) => {
  const site = await serveTls(t);
  const client = await rawHttp2(t, site.handler.port);
  client.send(requestFrame(1, { flags: 1 }));
  const flood = setInterval(() => {
    for (let n = 0; n < 100; n += 1) client.send(frame(9, 0, 1, fieldBlock([[`x-${n}`, "y".repeat(100)]])));
  }, 1);
  t.after(() => clearInterval(flood));
  await client.ends();
  equal((await visit(site, "/")).status, 200);
});
