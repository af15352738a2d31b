import { setTimeout as delay } from "node:timers/promises";
import type { Part } from "../part.ts";
import { Random } from "../random.ts";
import { besideSoundVisitors } from "./beside.ts";
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  INITIAL_WINDOW_SIZE,
  fieldBlock,
  frame,
  numberFrame,
  settingsFrame,
} from "../../platform/raw-http2.ts";
import { FrameConnection } from "./frame-connection.ts";
import { HOSTILE } from "./served-sites.ts";

const AT_A_TIME = 16;
const LONGEST_STAY_MS = 150;
/** An upload that makes no progress for so long is stuck: nobody reads it. */
const STUCK_MS = 150;
const UPLOAD_BYTES = 12_000_000;
/** Until the application has answered an upload that it did not read. */
const ANSWERED_MS = 1_500;
/** A type that nobody heeds any more. */
const PRIORITY = 2;
const PUSH_PROMISE = 5;
/** NO_ERROR, PROTOCOL_ERROR, STREAM_CLOSED, CANCEL, and one that is none. */
const RESETS = [0, 0, 1, 5, 8, 99] as const;
type Field = readonly [name: string, value: string];
const ODD_FIELDS: readonly [Field, ...Field[]] = [
  ["te", "trailers"],
  ["te", "gzip"],
  ["connection", "close"],
  ["transfer-encoding", "chunked"],
  ["content-length", "5"],
  ["content-length", "x"],
  ["content-length", "9000000000000000"],
  ["host", "other"],
  ["X-Upper", "1"],
  ["x-line", "a\r\nb: c"],
  ["x-nul", "a\0b"],
  ["constructor", "1"],
  ["__proto__", "1"],
  ["cookie", "a=b"],
  ["expect", "100-continue"],
  ["x-forwarded-for", "1.2.3.4"],
  [":path", "/again"],
  [":odd", "1"],
  ["", "1"],
];

/** At which node:http2 ends the session by itself, whatever it was about to send. */
const ENDS = [
  frame(FRAME.ping, 1, 0, Buffer.alloc(8)),
  frame(FRAME.goaway, 0, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])),
  numberFrame(FRAME.window, 0, 0x7fffffff),
  frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.alloc(4)),
] as const;

/** `serve` lives, and the other sites lose nothing, whatever visitors send over HTTP/2 and the application over HTTP/1. */
export const HTTP2: Part = {
  name: "http2",
  unit: "connections",
  run: (run) => besideSoundVisitors(run, { tls: true, atATime: AT_A_TIME }, visit),
};

async function visit(port: number, seed: number): Promise<void> {
  const random = new Random(seed);
  const connection = await FrameConnection.open(port, random.pick([0, 1, 65_535, 1_000_000, 1_000_000]));
  if (connection === undefined) return;
  if (random.onceIn(25)) await upload(random, connection);
  else if (random.onceIn(2)) await soundRequests(random, connection);
  else await oddFrames(random, connection);
  await Promise.race([connection.closed, delay(random.below(LONGEST_STAY_MS))]);
  if (random.onceIn(3)) connection.reset();
  else connection.socket.destroy();
}

/** So that the application's answers come to be translated. */
async function soundRequests(random: Random, connection: FrameConnection): Promise<void> {
  for (let stream = 1, left = 1 + random.below(12); left > 0; stream += 2, left -= 1) {
    connection.send(get(stream, random));
    if (random.onceIn(4)) await delay(random.below(10));
    if (random.onceIn(12)) connection.send(reset(random, stream));
  }
}

/** A body that nobody reads, then the end of the stream, then an answer. */
async function upload(random: Random, connection: FrameConnection): Promise<void> {
  const path = `/p/${random.uint32()}`;
  connection.send(frame(FRAME.headers, END_HEADERS, 1, fieldBlock(fieldsFor("POST", path))));
  let stuckAt = Date.now() + STUCK_MS;
  const until = random.onceIn(3) ? random.below(UPLOAD_BYTES) : UPLOAD_BYTES;
  for (let sent = 0; sent < until && Date.now() < stuckAt && connection.socket.writable;) {
    const bytes = Math.min(connection.allowed(1), 16_384);
    if (bytes > 0) {
      connection.data(1, bytes);
      sent += bytes;
      stuckAt = Date.now() + STUCK_MS;
    }
    await delay(bytes > 0 ? 0 : 5);
  }
  connection.send(reset(random, 1));
  await Promise.race([connection.closed, delay(ANSWERED_MS)]);
}

async function oddFrames(random: Random, connection: FrameConnection): Promise<void> {
  let next = 1;
  for (let left = 2 + random.below(12); left > 0 && connection.socket.writable; left -= 1) {
    const frames: Buffer[] = [];
    for (let count = 1 + random.below(random.onceIn(2) ? 4 : 12); count > 0; count -= 1) {
      const stream = random.onceIn(4) ? 1 + 2 * random.below(6) : Math.max(1, next - 2);
      const [made, opened] = oddFrame(random, next, stream);
      frames.push(made);
      if (opened) next += 2;
    }
    if (random.onceIn(6)) frames.push(random.pick(ENDS));
    connection.send(...frames);
    if (random.onceIn(2)) await delay(random.below(15));
  }
}

/** The frame, and whether it opens the next stream. */
function oddFrame(random: Random, next: number, stream: number): readonly [Buffer, boolean] {
  switch (random.below(10)) {
    case 0:
      return [get(next, random), true];
    case 1:
    case 2: {
      const method = random.pick(["GET", "POST", "PUT", "HEAD", "CONNECT", "x y"]);
      const fields = fieldsFor(method, `/f/${random.uint32()}`);
      if (random.onceIn(3)) fields.push(random.pick(ODD_FIELDS));
      if (random.onceIn(8)) fields.splice(random.below(4), 1);
      if (random.onceIn(30)) fields.push(["x-long", "l".repeat(random.below(70_000))]);
      const flags = END_HEADERS | (random.onceIn(3) ? END_STREAM : 0);
      const block = fieldBlock(fields);
      return [frame(FRAME.headers, flags, next, block.subarray(0, 16_384)), true];
    }
    case 3:
      return [frame(FRAME.data, random.below(2), stream, Buffer.alloc(random.below(2_000))), false];
    case 4:
      return [reset(random, stream), false];
    case 5:
      return [numberFrame(FRAME.window, random.below(2) * stream, random.below(100_000)), false];
    case 6:
      return [frame(FRAME.ping, 0, 0, Buffer.alloc(8)), false];
    case 7:
      return [settingsFrame([[INITIAL_WINDOW_SIZE, random.below(70_000)]]), false];
    case 8: {
      // Trailers, sound and unsound.
      const fields = fieldBlock([random.onceIn(2) ? ["x-sum", "1"] : random.pick(ODD_FIELDS)]);
      return [frame(FRAME.headers, END_HEADERS | END_STREAM, stream, fields), false];
    }
    default: {
      if (!random.onceIn(4)) return [frame(PRIORITY, 0, stream, Buffer.alloc(5)), false];
      const noise = Buffer.from(random.noise(random.below(40)), "latin1");
      return [frame(random.below(12), random.below(256), random.below(9), noise), false];
    }
  }
}

function get(stream: number, random: Random): Buffer {
  const fields = fieldBlock(fieldsFor(random.onceIn(5) ? "HEAD" : "GET", `/f/${random.uint32()}`));
  return frame(FRAME.headers, END_HEADERS | END_STREAM, stream, fields);
}

function fieldsFor(method: string, path: string): Field[] {
  return [
    [":method", method],
    [":scheme", "https"],
    [":path", path],
    [":authority", HOSTILE],
  ];
}

function reset(random: Random, stream: number): Buffer {
  return numberFrame(FRAME.reset, stream, random.pick(RESETS));
}
