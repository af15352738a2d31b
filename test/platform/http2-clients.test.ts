import { equal, ok } from "node:assert/strict";
import { connect, constants } from "node:http2";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { CLIENT_LIMITS } from "#src/platform/proxy/client-options.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { clock } from "./clock.js";
import { OPEN_BODY, TOO_MUCH, applicationHas, pour, serveTls, visit } from "./http2-site.js";
import {
  FRAME,
  INITIAL_WINDOW_SIZE,
  frame,
  numberFrame,
  rawHttp2,
  requestFrame,
  type RawHttp2Client,
} from "./raw-http2.js";
import { BACKEND } from "./site.js";

const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL } = constants;

test("HTTP/2: a paused upload that is reset without an error while its request is held costs nobody else anything", async (t) => {
  const site = await serveTls(t, {
    program: `until [ -e go ]; do sleep 0.1; done; exec "${process.execPath}" "${BACKEND}" "$@"`,
    hold: { timeMs: 500 },
  });
  const client = await rawHttp2(t, site.handler.port);
  client.send(requestFrame(1, { method: "POST", flags: OPEN_BODY }));
  const body = pour(client, 1);
  // More than a hold keeps, so it is paused from here on.
  await until("the upload is paused", () => body.sent > 100_000);
  client.send(numberFrame(FRAME.reset, 1, NGHTTP2_NO_ERROR), requestFrame(3));
  await client.sees(FRAME.headers, 3); // 503: held later than the upload, so that has been given up too.
  await writeFile(join(site.layout.root, "go"), "");
  await site.nth("backend-ready", 1);
  equal((await visit(site, "/")).status, 200);
});

test("HTTP/2: whichever way and at whatever time a client leaves, its request is given up, and the application's connection", async (t) => {
  const path = join(await temporaryFolder(t), "access.log");
  const site = await serveTls(t, { accessLog: { path, format: "json" } });
  equal((await visit(site, "/")).status, 200);
  const post = (target: string): Buffer =>
    requestFrame(1, { method: "POST", path: target, flags: OPEN_BODY }, [["x-open", "1"]]);
  const requests: readonly (readonly [what: string, head: Buffer, body: boolean])[] = [
    ["waits for its answer", requestFrame(1, { path: "/never" }), false],
    ["gets an answer without end", requestFrame(1, { path: "/events" }), false],
    ["HEAD", requestFrame(1, { method: "HEAD", path: "/never" }), false],
    ["uploads to who does not read", post("/unread"), true],
    ["uploads and has its answer", post(`/raw?${TOO_MUCH}`), true],
  ];
  const leave: readonly (readonly [how: string, go: (client: RawHttp2Client) => void])[] = [
    ["no error", (client) => client.send(numberFrame(FRAME.reset, 1, NGHTTP2_NO_ERROR))],
    ["cancel", (client) => client.send(numberFrame(FRAME.reset, 1, NGHTTP2_CANCEL))],
    ["a broken frame", (client) => client.socket.end(frame(FRAME.data, 0, 0, Buffer.from("x")))],
    ["goaway and end", (client) => client.socket.end(frame(FRAME.goaway, 0, 0, Buffer.alloc(8)))],
    ["reset", (client) => client.socket.destroy()],
  ];
  let left = 0;
  for (const [what, head, body] of requests) {
    for (const [how, go] of leave) {
      const client = await rawHttp2(t, site.handler.port);
      client.send(head);
      if (body) pour(client, 1);
      await applicationHas(site, 1);
      go(client);
      left += 1;
      const given = async (): Promise<boolean> =>
        (await readFile(path, "utf8")).split('"host":"site"').length === 1 + left;
      await until(`${what}, ${how}: it is given up`, given);
      await visit(site, "/release"); // Who did not read reads now, and sees the end.
      await applicationHas(site, 0);
      client.socket.destroy();
    }
  }
});

test("HTTP/2: what is missing of a body that was broken off is never taken out of the next visitor's request", async (t) => {
  const site = await serveTls(t);
  equal((await visit(site, "/")).status, 200);
  for (const how of [NGHTTP2_NO_ERROR, NGHTTP2_CANCEL]) {
    const client = await rawHttp2(t, site.handler.port);
    const head = { method: "POST", path: `/raw?${TOO_MUCH}`, flags: OPEN_BODY };
    client.send(
      requestFrame(1, head, [
        ["content-length", "1000"],
        ["x-open", "1"],
      ]),
    );
    client.send(frame(FRAME.data, 0, 1, Buffer.alloc(10, "x")));
    await client.sees(FRAME.data, 1);
    client.send(numberFrame(FRAME.reset, 1, how));
    for (let next = 3; next < 11; next += 2) {
      client.send(requestFrame(next));
      await client.sees(FRAME.data, next);
    }
  }
});

test("HTTP/2: an answer before the end of its request is whole, and the request may still become so", async (t) => {
  const site = await serveTls(t);
  const passes = clock(t);
  const session = connect(`https://127.0.0.1:${site.handler.port}`, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  const stream = session.request({ ":method": "POST", ":path": `/raw?${TOO_MUCH}`, "x-open": "1" });
  stream.write("half");
  const [headers] = (await once(stream, "response")) as [{ ":status"?: number }];
  equal(headers[":status"], 413);
  let text = "";
  stream.setEncoding("utf8").on("data", (part: string) => (text += part));
  await until("the body", () => text === "no");
  equal(stream.readableEnded, false);
  passes(CLIENT_LIMITS.lingerMs);
  await once(stream, "end");
  equal(stream.rstCode, NGHTTP2_NO_ERROR);
});

test("HTTP/2: a body or a reader slower than the least rate is let go, one that has only paused is not", async (t) => {
  const site = await serveTls(t, { minRate: 1_000 });
  equal((await visit(site, "/")).status, 200);
  const passes = clock(t);
  const client = await rawHttp2(t, site.handler.port, [[INITIAL_WINDOW_SIZE, 100]]);
  const post = { method: "POST", flags: OPEN_BODY };
  client.send(requestFrame(1, post), requestFrame(3, post), requestFrame(5, { path: "/large?bytes=100000" }));
  await client.sees(FRAME.data, 5);
  const over = (stream: number): boolean =>
    client.frames.some((one) => one.type === FRAME.reset && one.stream === stream);
  for (let tenth = 0; tenth < 11; tenth += 1) {
    client.send(frame(FRAME.data, 0, 1, Buffer.from("x")), numberFrame(FRAME.window, 5, 10));
    if (tenth === 5) client.send(frame(FRAME.data, 0, 3, Buffer.alloc(15_000, "x")));
    client.send(frame(FRAME.ping, 0, 0, Buffer.alloc(8, tenth)));
    await until("it has arrived", () =>
      client.frames.some((one) => one.type === FRAME.ping && one.payload[0] === tenth),
    );
    passes(CLIENT_LIMITS.idleMs / 10);
  }
  await until("the drip and its reader are let go", () => over(1) && over(5));
  equal(over(3), false);
});

test("HTTP/2: a reader that is slow and above the least rate gets all, however large the pieces are that the application writes", async (t) => {
  const site = await serveTls(t, { minRate: 1_000 });
  equal((await visit(site, "/")).status, 200);
  const passes = clock(t);
  const client = await rawHttp2(t, site.handler.port, [[INITIAL_WINDOW_SIZE, 100]]);
  client.send(
    requestFrame(1, { path: "/large?bytes=500000" }),
    requestFrame(3, { path: "/large?bytes=500000" }),
  );
  const read = (stream: number): number =>
    client.frames.reduce((sum, one) => {
      return sum + (one.type === FRAME.data && one.stream === stream ? one.payload.length : 0);
    }, 0);
  // Its window is the whole connection's: 64 KiB, of which it opens what it has read.
  for (let tenth = 1; tenth <= 15; tenth += 1) {
    const bytes = (1.5 * 1_000 * CLIENT_LIMITS.idleMs) / 10 / 1_000;
    for (const stream of [0, 1, 3])
      client.send(numberFrame(FRAME.window, stream, stream === 0 ? 2 * bytes : bytes));
    await until(`the part has come, the ${tenth}th`, () => Math.min(read(1), read(3)) >= 100 + tenth * bytes);
    passes(CLIENT_LIMITS.idleMs / 10);
    equal((await visit(site, "/")).status, 200);
  }
  equal(
    client.frames.some((one) => one.type === FRAME.reset),
    false,
  );
});

test("HTTP/2: who does not read, or stops sending, is let go as over HTTP/1, and the application's connections with it", async (t) => {
  const site = await serveTls(t);
  equal((await visit(site, "/")).status, 200);
  const passes = clock(t);
  const blind = await rawHttp2(t, site.handler.port, [[INITIAL_WINDOW_SIZE, 0]]);
  for (const [at, path] of ["/large?bytes=50000000", "/large?bytes=50000000", "/large?bytes=200"].entries()) {
    blind.send(requestFrame(1 + 2 * at, { path }));
  }
  const deaf = await rawHttp2(t, site.handler.port, [[INITIAL_WINDOW_SIZE, 2 ** 31 - 1]]);
  deaf.send(
    numberFrame(FRAME.window, 0, 2 ** 31 - 65_536),
    requestFrame(1, { path: "/large?bytes=50000000" }),
  );
  deaf.socket.pause();
  const stingy = await rawHttp2(t, site.handler.port);
  stingy.send(
    requestFrame(1, { method: "POST", flags: OPEN_BODY }),
    requestFrame(3, { method: "POST", path: `/raw?${TOO_MUCH}`, flags: OPEN_BODY }, [["x-open", "1"]]),
  );
  await stingy.sees(FRAME.headers, 3);
  const patient = await rawHttp2(t, site.handler.port);
  patient.send(requestFrame(1, { path: "/events" }));
  await patient.sees(FRAME.data, 1);
  await blind.sees(FRAME.headers, 5);
  // How much the system takes before it stands still is its own affair, so the clock goes forward until it has.
  let last = -1;
  await until(
    () => `only who waits is left, there are ${last} connections`,
    async () => {
      passes(CLIENT_LIMITS.idleMs);
      return (last = Number((await visit(site, "/connections")).text) - 1) === 1;
    },
    1_000 * CLIENT_LIMITS.idleMs,
  );
  for (const stream of [1, 3, 5]) await blind.sees(FRAME.reset, stream);
  for (const stream of [1, 3]) await stingy.sees(FRAME.reset, stream);
  equal(patient.closed, false);
  await visit(site, "/event");
  await until("the next event", () => patient.frames.filter((one) => one.type === FRAME.data).length === 2);
  patient.socket.destroy();
});

test("HTTP/2: requests that are answered count as no resets, however many and however fast they come", async (t) => {
  const site = await serveTls(t);
  const session = connect(`https://127.0.0.1:${site.handler.port}`, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  session.on("error", () => undefined); // Its requests are told as well.
  let answered = 0;
  const visitor = async (): Promise<void> => {
    for (let count = 0; count < 75; count += 1) {
      const stream = session.request({ ":path": "/" });
      for await (const part of stream.setEncoding("utf8")) ok(String(part).length > 0);
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: 20 }, visitor));
  equal(answered, 1_500);
  equal(session.closed, false);
});
