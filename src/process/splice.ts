import { connect, type Socket } from "node:net";
import type { OwnPort } from "./port-owner.ts";

/** A connection waits this long for somebody to take it. Milliseconds. */
export const HOLD_MS = 30_000;
const AGAIN_MS = 20;
/** A draining connection on which nothing is asked for so long is closed: as long as clients count on it anyway. */
export const QUIET_MS = 5_000;
const LOOK_MS = 250;
const HTTP1_REQUEST = /^[A-Z]{3,10} \S+ HTTP\/1\.[01]\r\n|^(?!PRI )[A-Z]{3,10} \S*$/;
/** A final response; 1xx are none. */
const HTTP1_RESPONSE = /^HTTP\/1\.1 [2-5]\d\d[^\r\n]*\r\n/;
const CONNECTION_FIELD = /^(?:Connection|Keep-Alive):[^\r\n]*\r\n/gim;
/** Of a head that comes in pieces only the first is looked at, of a longer one only so much. Bytes. */
const HEAD_LIMIT = 4_096;
const SWITCHING = /^HTTP\/1\.1 101 /;

/** Who takes a connection. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  /** Whose the port is, where it may be somebody else's. */
  readonly own?: OwnPort;
}

/**
 * Joins a paused connection to what `target` names, byte for byte, each direction ending by itself.
 * Nothing is lost while nobody listens: it is tried again, for at most HOLD_MS. `onReset`: the client lost its connection
 * through no doing of its own.
 */
export function splice(client: Socket, target: () => Destination | undefined, onReset: () => void): Splice {
  return new Splice(client, target, onReset);
}

/** Two connections joined. While it drains, the answer to the next HTTP/1.1 request announces the end of the connection. */
export class Splice {
  readonly #client: Socket;
  readonly #target: () => Destination | undefined;
  readonly #onReset: () => void;
  readonly #since = Date.now();
  #backend: Socket | undefined;
  #speaks: "unknown" | "http1" | "other" = "unknown";
  /** Whose bytes came last: a client's that are not answered yet are a request under way. */
  #last: { readonly from: "client" | "backend" | "nobody"; readonly at: number };
  #draining = false;

  constructor(client: Socket, target: () => Destination | undefined, onReset: () => void) {
    this.#client = client;
    this.#target = target;
    this.#onReset = onReset;
    this.#last = { from: "nobody", at: this.#since };
    client.once("error", () => this.#backend?.resetAndDestroy());
    client.once("close", () => this.#backend?.destroy());
    this.#attempt();
  }

  /** No more than one further request; what is silent too long is closed. Protocols that are not HTTP/1.1 end by themselves. */
  drain(): void {
    this.#draining = true;
    const look = setInterval(() => {
      const quiet = this.#last.from !== "client" && Date.now() - this.#last.at >= QUIET_MS;
      if (quiet && this.#speaks !== "other") this.#client.end();
    }, LOOK_MS);
    this.#client.once("close", () => clearInterval(look));
  }

  #attempt(): void {
    if (this.#client.destroyed) return;
    const destination = this.#target();
    if (destination === undefined) return this.#again();
    const { host, port, own } = destination;
    const backend = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const again = (): void => this.#again();
    this.#backend = backend;
    backend.once("error", again);
    backend.once("connect", () => {
      if (own === undefined) return joined();
      void own.tookConnection().then((ours) => {
        if (backend.destroyed) return;
        if (ours) return joined();
        backend.off("error", again).destroy();
        again();
      });
    });
    const joined = (): void => {
      backend.off("error", again);
      // What breaks on one side breaks on the other, so that nobody takes half an answer for a whole one.
      backend.once("error", () => this.#reset());
      this.#join(backend);
    };
  }

  #again(): void {
    if (Date.now() - this.#since > HOLD_MS) this.#reset();
    else setTimeout(() => this.#attempt(), AGAIN_MS);
  }

  #reset(): void {
    if (this.#client.destroyed) return;
    this.#onReset();
    this.#client.resetAndDestroy();
  }

  #join(backend: Socket): void {
    const client = this.#client;
    client.on("data", (chunk: Buffer) => {
      if (this.#speaks === "unknown") this.#speaks = isHttp1(chunk) ? "http1" : "other";
      this.#last = { from: "client", at: Date.now() };
    });
    client.pipe(backend);
    backend.on("data", (chunk: Buffer) => {
      const begins = this.#last.from === "client";
      this.#last = { from: "backend", at: Date.now() };
      if (!client.write(begins ? this.#beginning(chunk) : chunk)) backend.pause();
    });
    client.on("drain", () => backend.resume());
    backend.once("end", () => client.end());
  }

  /** The first bytes after a request. */
  #beginning(chunk: Buffer): Buffer {
    if (this.#speaks !== "http1") return chunk;
    const end = chunk.indexOf("\r\n\r\n");
    const head = chunk.toString("latin1", 0, end < 0 ? HEAD_LIMIT : end + 2);
    if (SWITCHING.test(head)) this.#speaks = "other";
    const [statusLine] = this.#draining ? (HTTP1_RESPONSE.exec(head) ?? []) : [];
    if (statusLine === undefined) return chunk;
    const fields = head.slice(statusLine.length).replace(CONNECTION_FIELD, "");
    const announced = Buffer.from(`${statusLine}Connection: close\r\n${fields}`, "latin1");
    return Buffer.concat([announced, chunk.subarray(head.length)]);
  }
}

function isHttp1(chunk: Buffer): boolean {
  return HTTP1_REQUEST.test(chunk.toString("latin1", 0, HEAD_LIMIT));
}
