import { Connection, type Exchange, type WireRequest } from "./load-connection.ts";
import type { LoadStream, Sample } from "./load.ts";

export interface ClientOptions {
  readonly stream: LoadStream;
  readonly host: string;
  readonly port: number;
  readonly version: RegExp | undefined;
  readonly timeoutMs: number;
  readonly record: (sample: Sample) => void;
}

/** After the time and then a poll for events: a FIN that has arrived is seen before the next request is written. */
export function afterPoll(ms: number, action: () => void): NodeJS.Timeout {
  return setTimeout(() => setImmediate(action), ms);
}

const BODY = "first half; second half.";

/** Sends one stream's requests when they are due; those that find every connection taken wait their turn, and that wait counts. */
export class LoadClient {
  readonly #options: ClientOptions;
  readonly #expect: RegExp | undefined;
  readonly #startedAt = Date.now();
  #arrived = 0;
  #waiting: number[] = [];
  #idle: Connection[] = [];
  #open = 0;
  #underWay = 0;
  #sendsSoon = false;
  #whenDrained: (() => void) | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#expect = options.stream.expect === undefined ? undefined : new RegExp(options.stream.expect);
  }

  /** When the next request becomes due, in milliseconds since the epoch. */
  get nextAt(): number {
    return this.#startedAt + Math.ceil(((this.#arrived + 1) * 1000) / this.#options.stream.perSecond);
  }

  /** All that have become due: a late call makes none of them later than it has to be, and none is left out. */
  sendDue(now: number): void {
    const { perSecond } = this.#options.stream;
    const due = Math.floor(((now - this.#startedAt) * perSecond) / 1000);
    for (; this.#arrived < due; this.#arrived += 1) {
      this.#waiting.push(this.#startedAt + Math.round(((this.#arrived + 1) * 1000) / perSecond));
    }
    this.#sendWaiting();
  }

  /** Resolves once every request has its outcome, then closes the connections. */
  async drained(): Promise<void> {
    if (this.#underWay + this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.#whenDrained = resolve;
        this.#sendWaiting(); // Nothing becomes due any more that would do it.
      });
    }
    for (const connection of this.#idle) connection.close();
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0) {
      const connection = this.#connection();
      const dueAt = connection === undefined ? undefined : this.#waiting.shift();
      if (connection === undefined || dueAt === undefined) return;
      this.#underWay += 1;
      void connection.exchange(this.#request(dueAt)).then((exchange) => {
        this.#finished(connection, dueAt, exchange);
      });
    }
  }

  #connection(): Connection | undefined {
    const { stream, host, port } = this.#options;
    for (let next = this.#idle.shift(); next !== undefined; next = this.#idle.shift()) {
      if (next.reusable) return next;
      this.#open -= 1;
    }
    if (stream.connections !== "fresh" && this.#open >= stream.connections) return undefined;
    this.#open += 1;
    return new Connection(host, port, stream.tls);
  }

  #finished(connection: Connection, dueAt: number, exchange: Exchange): void {
    this.#options.record(this.#sample(dueAt, exchange));
    this.#underWay -= 1;
    if (connection.reusable && this.#options.stream.connections !== "fresh") {
      this.#idle.push(connection);
    } else {
      connection.close();
      this.#open -= 1;
    }
    if (this.#whenDrained === undefined) return this.#sendSoon();
    this.#sendWaiting();
    if (this.#underWay === 0) this.#whenDrained();
  }

  /** On the connection that is free now, once a FIN that comes with its answer would have been seen. */
  #sendSoon(): void {
    if (this.#waiting.length === 0 || this.#sendsSoon) return;
    this.#sendsSoon = true;
    afterPoll(1, () => {
      this.#sendsSoon = false;
      this.#sendWaiting();
    });
  }

  #request(dueAt: number): WireRequest {
    const { stream, host, timeoutMs } = this.#options;
    const keep = stream.connections === "fresh" ? "close" : "keep-alive";
    const common = `${stream.path ?? "/"} HTTP/1.1\r\nHost: ${host}\r\nConnection: ${keep}\r\n`;
    const remaining = Math.max(1, dueAt + timeoutMs - Date.now());
    if (stream.halvesApartMs === undefined) {
      return { head: `GET ${common}\r\n`, halfDelayMs: 0, timeoutMs: remaining };
    }
    const middle = BODY.length / 2;
    const headers = `Content-Type: text/plain\r\nContent-Length: ${BODY.length}\r\n\r\n`;
    return {
      head: `POST ${common}${headers}${BODY.slice(0, middle)}`,
      secondHalf: BODY.slice(middle),
      halfDelayMs: stream.halvesApartMs,
      timeoutMs: remaining,
    };
  }

  #sample(dueAt: number, exchange: Exchange): Sample {
    const common = { stream: this.#options.stream.name, dueAt, sentAt: exchange.sentAt, doneAt: Date.now() };
    if (!exchange.ok) {
      const { failure, detail } = exchange;
      return { ...common, version: undefined, failure, detail };
    }
    const { status, headers, body } = exchange.response;
    const text = `${[...headers].map(([name, value]) => `${name}: ${value}\n`).join("")}\n${body}`;
    const version = this.#options.version?.exec(text)?.[1];
    if (status >= 400)
      return { ...common, version, failure: "status", detail: `${status} ${body.slice(0, 200)}` };
    if (this.#expect !== undefined && !this.#expect.test(text)) {
      return { ...common, version, failure: "unexpected", detail: text.slice(0, 200) };
    }
    return { ...common, version, failure: undefined, detail: undefined };
  }
}
