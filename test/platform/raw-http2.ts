import { once } from "node:events";
import type { TestContext } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { until } from "../rig/until.js";

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Types of frames (RFC 9113 section 6). */
export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, window: 8 } as const;
export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;
/** Settings (RFC 9113 section 6.5.2). */
export const INITIAL_WINDOW_SIZE = 4;

/** A client that sends frames of its own making, as an attacker does. By itself it acknowledges settings and nothing else. */
export interface RawHttp2Client {
  readonly socket: TLSSocket;
  readonly frames: readonly Frame[];
  readonly closed: boolean;
  send(...frames: readonly Buffer[]): void;
  /** Waits for a frame of the type on the stream. */
  sees(type: number, stream: number): Promise<Frame>;
  /** Waits for the server's end of the connection. */
  ends(): Promise<void>;
}

export async function rawHttp2(
  t: TestContext,
  port: number,
  settings: readonly (readonly [id: number, value: number])[] = [],
  localAddress = "127.0.0.1",
): Promise<RawHttp2Client> {
  const place = { port, host: "127.0.0.1", localAddress };
  const socket = connect({ ...place, ALPNProtocols: ["h2"], rejectUnauthorized: false });
  t.after(() => socket.destroy());
  const frames: Frame[] = [];
  const state: { closed: boolean; seen: Buffer } = { closed: false, seen: Buffer.alloc(0) };
  socket.on("error", () => undefined);
  socket.on("close", () => (state.closed = true));
  socket.on("data", (chunk: Buffer) => {
    state.seen = Buffer.concat([state.seen, chunk]);
    for (let read = firstFrame(state.seen); read !== undefined; read = firstFrame(state.seen)) {
      state.seen = read.rest;
      frames.push(read.frame);
      if (read.frame.type === FRAME.settings && read.frame.flags === 0)
        socket.write(frame(FRAME.settings, 1, 0));
    }
  });
  await once(socket, "secureConnect");
  socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settingsFrame(settings)]));
  return {
    socket,
    frames,
    get closed() {
      return state.closed;
    },
    send: (...parts) => void (state.closed || socket.write(Buffer.concat(parts))),
    sees: (type, stream) =>
      until(
        () =>
          `frame ${type} of stream ${stream} among ${frames.map((one) => `${one.type}@${one.stream}`).join(" ")}`,
        () => frames.find((one) => one.type === type && one.stream === stream),
      ),
    ends: () => until("the server closes the connection", () => state.closed).then(() => undefined),
  };
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A request head in one frame; `flags` END_STREAM too where it has no body. */
export function requestFrame(
  stream: number,
  options: { readonly method?: string; readonly path?: string; readonly flags?: number } = {},
  fields: readonly (readonly [name: string, value: string])[] = [],
): Buffer {
  const { method = "GET", path = "/", flags = END_HEADERS | END_STREAM } = options;
  const pseudo = [
    [":method", method],
    [":scheme", "https"],
    [":path", path],
    [":authority", "site"],
  ] as const;
  return frame(FRAME.headers, flags, stream, fieldBlock([...pseudo, ...fields]));
}

/** Literal fields that go into no table (RFC 7541 section 6.2.2). */
export function fieldBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  const parts = fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]);
  return Buffer.concat(parts);
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [at, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, 6 * at);
    payload.writeUInt32BE(value, 6 * at + 2);
  }
  return frame(FRAME.settings, 0, 0, payload);
}

/** RST_STREAM with an error code, or WINDOW_UPDATE with an increment. */
export function numberFrame(type: number, stream: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return frame(type, 0, stream, payload);
}

/** The frame that the bytes begin with, once it is whole. */
export function firstFrame(bytes: Buffer): { readonly frame: Frame; readonly rest: Buffer } | undefined {
  if (bytes.length < 9) return undefined;
  const end = 9 + bytes.readUIntBE(0, 3);
  if (bytes.length < end) return undefined;
  return {
    frame: {
      type: bytes.readUInt8(3),
      flags: bytes.readUInt8(4),
      stream: bytes.readUInt32BE(5) & 0x7fffffff,
      payload: bytes.subarray(9, end),
    },
    rest: bytes.subarray(end),
  };
}

/** Length with a prefix of seven bits, then the bytes as they are. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const length: number[] = [];
  if (bytes.length < 127) {
    length.push(bytes.length);
  } else {
    length.push(127);
    let left = bytes.length - 127;
    for (; left >= 128; left >>= 7) length.push((left & 127) | 128);
    length.push(left);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
