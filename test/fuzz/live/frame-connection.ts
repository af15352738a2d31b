import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import {
  FRAME,
  INITIAL_WINDOW_SIZE,
  firstFrame,
  frame,
  settingsFrame,
  type Frame,
} from "../../platform/raw-http2.ts";

const ACK = 0x1;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const DEFAULT_WINDOW = 65_535;

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
    socket.write(Buffer.concat([PREFACE, settingsFrame([[INITIAL_WINDOW_SIZE, initialWindow]])]));
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
    for (let read = firstFrame(this.#seen); read !== undefined; read = firstFrame(this.#seen)) {
      this.#seen = read.rest;
      this.#take(read.frame);
    }
  }

  #take({ type, flags, stream, payload }: Frame): void {
    if (type === FRAME.settings && (flags & ACK) === 0) this.send(frame(FRAME.settings, ACK, 0));
    if (type !== FRAME.window || payload.length !== 4) return;
    const more = payload.readUInt32BE(0) & 0x7fffffff;
    if (stream === 0) this.#window += more;
    else this.#streamWindows.set(stream, (this.#streamWindows.get(stream) ?? DEFAULT_WINDOW) + more);
  }
}
