import { Agent, request } from "node:http";
import { connect, type ClientHttp2Session } from "node:http2";

/** Answers take this long at most on a busy machine; what takes longer is lost. */
const ANSWER_MS = 30_000;
const STARTS_AT_A_TIME = 8;

export interface SoundVisitorOptions {
  readonly port: number;
  /** Hosts that are asked in turn. */
  readonly hosts: readonly string[];
  readonly tls: boolean;
  /** At the same time. */
  readonly visitors: number;
}

/** Visitors that do everything right: each of their requests has to be answered, and with its own answer. */
export class SoundVisitors {
  sent = 0;
  readonly lost: string[] = [];
  readonly #ask: (host: string, path: string) => Promise<string>;
  readonly #close: () => void;
  #stopped = false;
  readonly #all: Promise<void>;

  private constructor(options: SoundVisitorOptions) {
    const client = options.tls ? http2Client(options.port) : http1Client(options.port, options.visitors);
    this.#ask = client.ask;
    this.#close = client.close;
    const loops = Array.from({ length: options.visitors }, (_, index) => this.#visit(options.hosts, index));
    this.#all = Promise.all(loops).then(() => undefined);
  }

  /** Every site has started once this resolves; starts are not what is looked at. */
  static async start(options: SoundVisitorOptions): Promise<SoundVisitors> {
    const client = options.tls ? http2Client(options.port) : http1Client(options.port, options.visitors);
    for (let at = 0; at < options.hosts.length; at += STARTS_AT_A_TIME)
      await Promise.all(options.hosts.slice(at, at + STARTS_AT_A_TIME).map((host) => client.ask(host, "/")));
    client.close();
    return new SoundVisitors(options);
  }

  /** Throws where a request of theirs was lost. */
  check(): void {
    if (this.lost.length > 0)
      throw new Error(
        `${this.lost.length} of ${this.sent} requests of others are lost: ${this.lost.slice(0, 3).join("; ")}`,
      );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#all;
    this.#close();
    this.check();
  }

  async #visit(hosts: readonly string[], index: number): Promise<void> {
    for (let turn = index; !this.#stopped; turn += 1) {
      const host = hosts[turn % hosts.length] ?? "";
      const path = `/${this.sent}`;
      this.sent += 1;
      try {
        const text = await this.#ask(host, path);
        if (text !== `${host} ${path}`)
          this.lost.push(`${host}${path} got ${JSON.stringify(text.slice(0, 200))}`);
      } catch (error) {
        this.lost.push(`${host}${path}: ${String(error)}`);
      }
    }
  }
}

interface Client {
  ask(host: string, path: string): Promise<string>;
  close(): void;
}

function http1Client(port: number, connections: number): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    close: () => agent.destroy(),
    ask: (host, path) =>
      new Promise((resolve, reject) => {
        const options = { agent, port, host: "127.0.0.1", path, headers: { Host: host } };
        const asked = request({ ...options, signal: AbortSignal.timeout(ANSWER_MS) }, (response) => {
          let text = "";
          response.setEncoding("latin1").on("data", (part: string) => (text += part));
          response.on("end", () => resolve(text)).on("error", reject);
        });
        asked.on("error", reject).end();
      }),
  };
}

function http2Client(port: number): Client {
  let session: ClientHttp2Session | undefined;
  const open = (): ClientHttp2Session => {
    session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    session.on("error", () => undefined); // Its requests are told as well.
    return session;
  };
  return {
    close: () => session?.close(),
    ask: (host, path) =>
      new Promise((resolve, reject) => {
        const usable = session === undefined || session.closed || session.destroyed ? open() : session;
        const stream = usable.request({ ":path": path, ":authority": host });
        stream.setTimeout(ANSWER_MS, () => stream.destroy(new Error("no answer in time")));
        let text = "";
        stream.setEncoding("latin1").on("data", (part: string) => (text += part));
        stream.on("end", () => resolve(text)).on("error", reject);
        stream.on("close", () => reject(new Error(`ended with code ${stream.rstCode}`)));
      }),
  };
}
