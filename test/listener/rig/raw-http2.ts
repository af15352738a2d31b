import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { RawClient } from "./raw-client.js";

/** Frame types of RFC 9113, 6. */
export const FRAME = { data: 0, headers: 1, rstStream: 3, settings: 4, goaway: 7 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** An http2 client that sends frames when it is told to and not when a session sees fit. */
export class RawHttp2Client {
  readonly raw: RawClient;
  readonly #scheme: number;

  constructor(raw: RawClient, tls: boolean) {
    this.raw = raw;
    this.#scheme = tls ? 0x87 : 0x86;
  }

  /** Resolves once the server's settings have come. */
  static async connect({ port, tls }: { port: number; tls: boolean }): Promise<RawHttp2Client> {
    const where = { port, host: "127.0.0.1", allowHalfOpen: true };
    const socket = tls
      ? connectTls({ ...where, rejectUnauthorized: false, ALPNProtocols: ["h2"] })
      : connectTcp(where);
    const client = new RawHttp2Client(new RawClient(socket), tls);
    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.#send(FRAME.settings, 0, 0, Buffer.alloc(0));
    await client.until("settings", ({ type }) => type === FRAME.settings);
    return client;
  }

  /** `GET /` on a new stream. */
  get(stream: number): this {
    const authority = Buffer.from("test");
    // Indexed: method GET, the scheme, path /; literal: authority (RFC 7541, appendix A).
    const head = Buffer.from([0x82, this.#scheme, 0x84, 0x41, authority.length]);
    this.#send(FRAME.headers, 0x5, stream, Buffer.concat([head, authority]));
    return this;
  }

  get frames(): Frame[] {
    const bytes = Buffer.from(this.raw.text, "latin1");
    const frames: Frame[] = [];
    for (let at = 0; at + 9 <= bytes.length;) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      const payload = bytes.subarray(at + 9, end);
      frames.push({ type: bytes[at + 3] ?? -1, flags: bytes[at + 4] ?? 0, stream, payload });
      at = end;
    }
    return frames;
  }

  until(what: string, condition: (frame: Frame) => boolean): Promise<Frame> {
    return this.raw.until(what, () => this.frames.find(condition));
  }

  /** Of all DATA of a stream, once it has ended. */
  async body(stream: number): Promise<string> {
    await this.until(
      `the end of stream ${stream}`,
      (frame) => frame.stream === stream && (frame.flags & 1) === 1,
    );
    const data = this.frames.filter((frame) => frame.type === FRAME.data && frame.stream === stream);
    return Buffer.concat(data.map(({ payload }) => payload)).toString("latin1");
  }

  #send(type: number, flags: number, stream: number, payload: Buffer): void {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    this.raw.socket.write(Buffer.concat([head, payload]));
  }
}
