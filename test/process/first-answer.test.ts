// What counts as an answer: anything, unless who asks forwards HTTP/1 alone.
import { deepEqual, equal } from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { portAnswers } from "#src/process/first-answer.js";
import { OwnPort } from "#src/process/port-owner.js";
import { untilAnswers } from "#src/supervisor/answer.js";
import type { PrivatePlace, Worker } from "#src/supervisor/worker.js";

/** An answer that comes is waited for; that none comes has to be told some time. */
const ANSWER_MS = 20_000;
const NO_ANSWER_MS = 400;
const net = (take: (socket: Socket) => unknown): Server =>
  createServer((socket) => void take(socket.on("error", () => undefined)));

const SERVERS: readonly [what: string, server: Server, http: boolean, anything: boolean][] = [
  ["answers", createHttp((_, response) => response.end()), true, true],
  ["answers with 404", createHttp((_, response) => response.writeHead(404).end()), true, true],
  ["answers in pieces", net(inPieces), true, true],
  [
    "says that it does not serve yet",
    createHttp((_, response) => response.writeHead(503).end()),
    false,
    false,
  ],
  ["speaks another protocol", net((socket) => socket.end("hello I am no http\n")), false, true],
  ["greets and waits, as a mail server", net((socket) => socket.write("220 mail ESMTP\r\n")), false, true],
  ["says a little", net((socket) => socket.end("HTTP")), false, true],
  ["never answers", net((socket) => socket.resume()), false, false],
  ["resets each connection", net((socket) => socket.resetAndDestroy()), false, false],
];

function inPieces(socket: Socket): void {
  socket.setNoDelay(true).write("HT");
  setTimeout(() => socket.end("TP/1.1 200 OK\r\nConnection: close\r\n\r\n"), 50);
}

test("only HTTP/1 is an answer to a handler, and anything else to who has a port of its own", async (t) => {
  const each = SERVERS.map(async ([what, server, http, anything]) => {
    await once(server.listen(0, "127.0.0.1"), "listening");
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const place: PrivatePlace = { host: "127.0.0.1", port, protocol: "tcp" };
    const limit = (comes: boolean): AbortSignal => AbortSignal.timeout(comes ? ANSWER_MS : NO_ANSWER_MS);
    const own = new OwnPort(port, { pid: process.pid, mark: "" });
    const asked = (place: PrivatePlace, httpOnly: boolean): Promise<string | undefined> =>
      untilAnswers({} as Worker, place, { host: "localhost", httpOnly }, limit(httpOnly ? http : anything));
    const [handler, behindOne, alone] = await Promise.all([
      portAnswers(port, own, "localhost", limit(http)),
      asked(place, true),
      asked({ ...place, protocol: "http" }, false),
    ]);
    equal(handler, http, `${what}: for the handler`);
    equal(behindOne === undefined, http, `${what}: for a supervisor behind it: ${behindOne}`);
    equal(alone === undefined, anything, `${what}: for a supervisor with a port of its own: ${alone}`);
  });
  await Promise.all(each);
});

test("many refused questions leave nothing behind of which Node would warn", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await once(server.close(), "close");
  const warnings: string[] = [];
  const warned = (warning: Error): void => void warnings.push(warning.message);
  process.on("warning", warned);
  t.after(() => process.off("warning", warned));
  const own = new OwnPort(port, { pid: process.pid, mark: "" });
  equal(await portAnswers(port, own, "localhost", AbortSignal.timeout(900)), false);
  deepEqual(warnings, []);
});
