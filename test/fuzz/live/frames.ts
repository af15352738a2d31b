import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";

/** Frame types of RFC 9113, section 6. */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;
/** RFC 9113, section 6.5.2. */
export const INITIAL_WINDOW_SIZE = 4;
const ACK = 0x1;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const DEFAULT_WINDOW = 65_535;

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

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function settings(pairs: readonly (readonly [number, number])[]): Buffer {
  const payload = pairs.map(([id, value]) =>
    Buffer.concat([Buffer.from([id >> 8, id & 255]), uint32(value)]),
  );
  return frame(FRAME.settings, 0, 0, Buffer.concat(payload));
}

/** A header block of literals that are not indexed (RFC 7541, section 6.2.2), so that nothing but what is given is sent. */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const length: number[] = [];
  if (bytes.length < 127) length.push(bytes.length);
  else {
    length.push(127);
    let left = bytes.length - 127;
    for (; left >= 128; left >>= 7) length.push((left & 127) | 128);
    length.push(left);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** A connection that sends frames as it is told, and keeps account of how much it may send. */
export class FrameConnection {
  readonly socket: TLSSocket;
  readonly closed: Promise<void>;
  readonly #tcp: Socket;
  #window = DEFAULT_WINDOW;
  readonly #streamWindows = new Map<number, number>();
  #seen: Buffer = Buffer.alloc(0);

  private constructor(tcp: Socket, socket: TLSSocket) {
    this.#tcp = tcp;
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (bytes: Buffer) => this.#receive(bytes));
  }

  /** undefined where the server does not take it. */
  static async open(port: number, initialWindow: number): Promise<FrameConnection | undefined> {
    const tcp = connectTcp(port, "127.0.0.1");
    tcp.on("error", () => undefined);
    const socket = connect({ socket: tcp, ALPNProtocols: ["h2"], rejectUnauthorized: false });
    socket.on("error", () => undefined);
    const refused = new Promise<"refused">((resolve) => socket.once("close", () => resolve("refused")));
    const opened = once(socket, "secureConnect").catch(() => "refused");
    if ((await Promise.race([opened, refused])) === "refused") return undefined;
    socket.write(Buffer.concat([PREFACE, settings([[INITIAL_WINDOW_SIZE, initialWindow]])]));
    return new FrameConnection(tcp, socket);
  }

  send(...frames: readonly Buffer[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(frames));
  }

  /** Ends it as a machine does that has gone. */
  reset(): void {
    this.#tcp.resetAndDestroy();
    this.socket.destroy();
  }

  /** Bytes of DATA that the stream may be sent now. */
  allowed(stream: number): number {
    return Math.max(0, Math.min(this.#window, this.#streamWindows.get(stream) ?? DEFAULT_WINDOW));
  }

  data(stream: number, bytes: number): void {
    this.#window -= bytes;
    this.#streamWindows.set(stream, (this.#streamWindows.get(stream) ?? DEFAULT_WINDOW) - bytes);
    this.send(frame(FRAME.data, 0, stream, Buffer.alloc(bytes, "a")));
  }

  #receive(bytes: Buffer): void {
    this.#seen = Buffer.concat([this.#seen, bytes]);
    while (this.#seen.length >= 9) {
      const length = this.#seen.readUIntBE(0, 3);
      if (this.#seen.length < 9 + length) return;
      const [type, flags] = [this.#seen[3], this.#seen[4] ?? 0];
      this.#take(type, flags, this.#seen.readUInt32BE(5) & 0x7fffffff, this.#seen.subarray(9, 9 + length));
      this.#seen = this.#seen.subarray(9 + length);
    }
  }

  #take(type: number | undefined, flags: number, stream: number, payload: Buffer): void {
    if (type === FRAME.settings && (flags & ACK) === 0) this.send(frame(FRAME.settings, ACK, 0));
    if (type !== FRAME.windowUpdate || payload.length !== 4) return;
    const more = payload.readUInt32BE(0) & 0x7fffffff;
    if (stream === 0) this.#window += more;
    else this.#streamWindows.set(stream, (this.#streamWindows.get(stream) ?? DEFAULT_WINDOW) + more);
  }
}
