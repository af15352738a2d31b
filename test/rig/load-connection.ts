import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { ResponseReader, type HttpResponse } from "./http-response.ts";

/** Why a request failed. A request is written once; whatever befalls it then is final. */
export type FailureKind =
  /** The connection was refused. */
  | "refused"
  /** RST after the request had been written, or while connecting. */
  | "reset"
  /** FIN without one byte of a response. */
  | "empty"
  /** FIN or RST in the middle of a response. */
  | "truncated"
  /** Not HTTP. */
  | "malformed"
  | "timeout";

export type Exchange =
  | { readonly ok: true; readonly sentAt: number; readonly response: HttpResponse }
  | { readonly ok: false; readonly sentAt: number; readonly failure: FailureKind; readonly detail: string };

export interface WireRequest {
  readonly head: string;
  /** Written after halfDelayMs, as the second half of the body. */
  readonly secondHalf?: string;
  readonly halfDelayMs: number;
  readonly timeoutMs: number;
}

interface Pending {
  readonly reader: ResponseReader;
  readonly settle: (exchange: Exchange) => void;
  readonly timers: NodeJS.Timeout[];
  whole: boolean;
  sentAt: number;
}

/**
 * One connection of an HTTP client that never retries. It obeys `Connection: close` and a FIN that arrives while it is
 * idle, as RFC 9112 section 9 asks; a FIN or RST that meets a written request is a failure of the server.
 */
export class Connection {
  readonly #socket: Socket;
  #pending: Pending | undefined;
  #reusable = true;
  #requests = 0;

  constructor(host: string, port: number, tls = false) {
    this.#socket = tls
      ? connectTls({ host, port, rejectUnauthorized: false }).setNoDelay()
      : connect({ host, port, noDelay: true });
    this.#socket.setEncoding("latin1");
    this.#socket.on("connect", () => this.#pending !== undefined && (this.#pending.sentAt = Date.now()));
    this.#socket.on("data", (chunk: string) => this.#received(chunk));
    this.#socket.on("end", () => this.#ended());
    this.#socket.on("error", (error: NodeJS.ErrnoException) => this.#broken(error));
    this.#socket.on("close", () => (this.#reusable = false));
  }

  /** Whether the next request may be written on it. */
  get reusable(): boolean {
    return this.#reusable && this.#pending === undefined;
  }

  exchange(request: WireRequest): Promise<Exchange> {
    return new Promise((settle) => {
      this.#requests += 1;
      const expired = setTimeout(
        () => this.#fail("timeout", `no response in ${request.timeoutMs} ms`),
        request.timeoutMs,
      );
      this.#pending = {
        reader: new ResponseReader(),
        settle,
        timers: [expired],
        whole: false,
        sentAt: Date.now(),
      };
      this.#write(this.#pending, request);
    });
  }

  #write(pending: Pending, { head, secondHalf, halfDelayMs }: WireRequest): void {
    this.#socket.write(head, "latin1");
    if (secondHalf === undefined) {
      pending.whole = true;
      return;
    }
    const delayed = setTimeout(() => {
      this.#socket.write(secondHalf, "latin1");
      pending.whole = true;
    }, halfDelayMs);
    pending.timers.push(delayed);
  }

  close(): void {
    this.#reusable = false;
    this.#socket.destroy();
  }

  #received(chunk: string): void {
    const reader = this.#pending?.reader;
    if (reader === undefined) {
      this.close(); // Bytes that nobody asked for: this connection cannot be trusted with another request.
      return;
    }
    try {
      const response = reader.read(chunk);
      if (response !== undefined) this.#complete(response);
    } catch (error) {
      this.#fail("malformed", String(error));
    }
  }

  #ended(): void {
    this.#reusable = false;
    const response = this.#pending?.reader.end();
    if (response !== undefined) this.#complete(response);
    else this.#fail(this.#pending?.reader.started === true ? "truncated" : "empty", "FIN");
  }

  #broken(error: NodeJS.ErrnoException): void {
    if (error.code === "ECONNREFUSED") this.#fail("refused", error.message);
    else this.#fail(this.#pending?.reader.started === true ? "truncated" : "reset", error.message);
  }

  #complete(response: HttpResponse): void {
    const asked = response.headers.get("connection")?.toLowerCase() === "close";
    if (asked || this.#pending?.whole === false) this.#reusable = false;
    this.#settle((sentAt) => ({ ok: true, sentAt, response }));
    if (!this.#reusable) this.#socket.end();
  }

  #fail(failure: FailureKind, cause: string): void {
    const detail = `${cause} (request ${this.#requests} of its connection)`;
    this.close();
    this.#settle((sentAt) => ({ ok: false, sentAt, failure, detail }));
  }

  #settle(outcome: (sentAt: number) => Exchange): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    for (const timer of pending.timers) clearTimeout(timer);
    pending.settle(outcome(pending.sentAt));
  }
}
