import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

const DEADLINE_MS = 20_000;

/** How the server ended a connection: "fin", or the system's error code (ECONNRESET). */
export type End = string;

export interface Response {
  readonly status: number;
  readonly connection: string | undefined;
  readonly body: string;
}

/** A client that sends bytes and sees bytes, FIN and RST; it never retries. */
export class RawClient {
  readonly socket: Socket;
  readonly ended: Promise<End>;
  #end: End | undefined;
  #parts: string[] = [];
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#parts.push(text);
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      const end = (how: End): void => {
        this.#end ??= how;
        resolve(this.#end);
        this.#wake();
      };
      socket.on("end", () => end("fin"));
      socket.on("error", (error) => end((error as NodeJS.ErrnoException).code ?? error.message));
      socket.on("close", () => end("closed without FIN"));
    });
  }

  /** What has come so far; setting it forgets that. */
  get text(): string {
    if (this.#parts.length > 1) this.#parts = [this.#parts.join("")];
    return this.#parts[0] ?? "";
  }

  set text(text: string) {
    this.#parts = [text];
  }

  /** Resolves once the connection, and its TLS handshake, is made. */
  static async connect({ port, tls }: { port: number; tls: boolean }): Promise<RawClient> {
    const client = RawClient.begin({ port, tls });
    await new Promise((resolve, reject) => {
      client.socket.once(tls ? "secureConnect" : "connect", resolve);
      client.socket.once("error", reject);
    });
    return client;
  }

  static begin({ port, tls }: { port: number; tls: boolean }): RawClient {
    const where = { port, host: "127.0.0.1", allowHalfOpen: true };
    return new RawClient(tls ? connectTls({ ...where, rejectUnauthorized: false }) : connectTcp(where));
  }

  write(text: string): this {
    this.socket.write(text);
    return this;
  }

  get(path: string): this {
    return this.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
  }

  /** The first n responses, once they are complete; fewer if the connection ends before. */
  async responses(n: number): Promise<Response[]> {
    return this.until(`${n} responses`, () => {
      const found = parseResponses(this.text);
      return found.length >= n || this.#end !== undefined ? found : undefined;
    });
  }

  async until<T>(what: string, condition: () => T | undefined): Promise<T> {
    const timer = setTimeout(() => this.#wake(), DEADLINE_MS);
    const deadline = Date.now() + DEADLINE_MS;
    try {
      for (;;) {
        const found = condition();
        if (found !== undefined) return found;
        if (Date.now() >= deadline) throw new Error(`${what}: not within ${DEADLINE_MS} ms; ${this.text}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The complete responses at the beginning of the text: with a length, chunked, or without a body. */
export function parseResponses(text: string): Response[] {
  const found: Response[] = [];
  let rest = text;
  for (;;) {
    const split = rest.indexOf("\r\n\r\n");
    if (split < 0) return found;
    const head = rest.slice(0, split);
    const after = rest.slice(split + 4);
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]);
    const body = status < 200 || status === 204 ? { text: "", rest: after } : bodyOf(head, after);
    if (body === undefined) return found;
    rest = body.rest;
    if (status < 200) continue;
    const connection = /^connection: *(.*)$/im.exec(head)?.[1]?.trim();
    found.push({ status, connection, body: body.text });
  }
}

function bodyOf(head: string, after: string): { text: string; rest: string } | undefined {
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (length !== undefined) {
    const end = Number(length);
    return after.length < end ? undefined : { text: after.slice(0, end), rest: after.slice(end) };
  }
  if (!/^transfer-encoding: *chunked/im.test(head)) return undefined;
  let text = "";
  let rest = after;
  for (;;) {
    const line = /^([0-9a-f]+)\r\n/i.exec(rest);
    if (line === null) return undefined;
    const size = Number.parseInt(line[1] ?? "", 16);
    const start = line[0].length;
    if (rest.length < start + size + 2) return undefined;
    text += rest.slice(start, start + size);
    rest = rest.slice(start + size + 2);
    if (size === 0) return { text, rest };
  }
}
