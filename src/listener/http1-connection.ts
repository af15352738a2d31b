import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { lingeringClose } from "./lingering-close.ts";
import { endsAfterMs, releaseOf, waitOf, wantsEvents, type Wait } from "./long-polls.ts";
import { renderedHead, requestOf } from "./node-internals.ts";
import type { DrainOptions, RequestHead } from "./options.ts";
import { requestLine, type ConnectionKind, type Cut } from "./report.ts";

/**
 * waiting: no request is outstanding, one may come. head: one is half received. serving: responses are outstanding.
 *
 *   waiting ──bytes──▶ head ──request──▶ serving ──answered, head said close──▶ closing
 *      │  ◀───────answered, head said keep-alive──────┘                            ▲
 *      └────────────────────────── nothing came ─────────────────────────────────┘
 */
type State =
  | { readonly at: "waiting"; readonly timer: NodeJS.Timeout | undefined; readonly bytesRead: number }
  | { readonly at: "head" }
  | { readonly at: "serving" }
  | { readonly at: "closing" }
  /** Upgraded: no longer ours. */
  | { readonly at: "released" };

/** What a connection needs to know of its drain. */
export interface DrainContext {
  readonly options: DrainOptions;
  /** When the drain began, as `now()`. */
  readonly startedAt: number;
  /** How long the connection's last request had waited when the drain began, milliseconds; 0 for a later one. */
  waitedMs(socket: Socket): number;
  /** How long ago the connection's last sign of life is, in milliseconds. */
  quietFor(socket: Socket): number;
  /** How long the connection is kept for a further request. */
  lingerMs(socket: Socket): number;
  /** Calls back after a whole turn of the event loop, in which waiting bytes were read. */
  afterTurn(then: () => void): void;
  /** Calls back once the port refuses: a client whose connection is closed before that comes back to this process. */
  onceRefusing(then: () => void): void;
  served(): void;
}

/** One http/1 connection from the beginning of stop to its end. */
export class Http1Connection {
  readonly socket: Socket;
  readonly #context: DrainContext;
  readonly #outstanding: ServerResponse[];
  #state: State = { at: "serving" };
  /** The response that announces the end of the connection, and what its keep-alive was before. */
  #last: { readonly response: ServerResponse; readonly keepAlive: boolean } | undefined;

  constructor(
    socket: Socket,
    outstanding: readonly ServerResponse[],
    receiving: boolean,
    context: DrainContext,
  ) {
    this.socket = socket;
    this.#context = context;
    this.#outstanding = [...outstanding];
    // Core calls this after a response with `Connection: close` and would free the socket with bytes still unread.
    socket.destroySoon = () => this.close();
    for (const response of outstanding) this.#watch(response);
    const last = outstanding.at(-1);
    if (last !== undefined) this.#announce(last);
    else if (receiving && socket.bytesRead > 0) this.#state = { at: "head" };
    else this.#wait(context.lingerMs(socket) - context.quietFor(socket));
  }

  get kind(): ConnectionKind {
    switch (this.#state.at) {
      case "waiting":
        return this.socket.bytesRead === 0 ? "unused" : "idle";
      case "head":
        return "head";
      case "serving":
        return this.#kindOfResponse();
      case "released":
        return "upgrade";
      case "closing":
        return this.socket.writableFinished ? "idle" : "request";
      default:
        return this.#state satisfies never;
    }
  }

  /** A request was read. False: it comes after the announced end and must not be processed (RFC 9112, 9.6). */
  accepts(response: ServerResponse): boolean {
    if (this.#state.at === "released") return true;
    if (this.#state.at === "closing" || this.#hasAnnounced()) return false;
    if (this.#state.at === "waiting") clearTimeout(this.#state.timer);
    this.#state = { at: "serving" };
    this.#outstanding.push(response);
    this.#watch(response);
    this.#announce(response);
    return true;
  }

  /** Ends what need not go on: event streams and long polls whose time is up. `sinceStopMs` is the drain's age. */
  endOverdue(sinceStopMs: number): void {
    if (this.#state.at !== "serving") return;
    const [response] = this.#outstanding;
    if (response === undefined) return;
    const wait = this.#waitOf(response);
    if (sinceStopMs < endsAfterMs(this.#kindOfResponse(), wait, this.#context.options)) return;
    // Written below the response object, so that an app that goes on writing meets no error.
    if (wait !== undefined) this.close(released(response, wait));
    else this.close(endOfBody(response));
  }

  /** The head or the body took longer than the server allows. */
  timeOut(): void {
    const [response] = this.#outstanding;
    if (response?.headersSent === true) this.socket.destroy();
    else this.close("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
  }

  close(tail?: string): void {
    if (this.#state.at === "closing" || this.#state.at === "released") return;
    if (this.#state.at === "waiting") clearTimeout(this.#state.timer);
    this.#state = { at: "closing" };
    lingeringClose(this.socket, this.#context.options.halfCloseMs, tail);
  }

  /** Something else took the connection over. */
  release(): void {
    if (this.#state.at === "waiting") clearTimeout(this.#state.timer);
    this.#state = { at: "released" };
    Reflect.deleteProperty(this.socket, "destroySoon");
  }

  /** The drain was given up. A connection that was not told of its end lives on; one that was is still read from after it. */
  recall(): void {
    if (this.#state.at === "closing" || this.#state.at === "released") return;
    const announced = this.#hasAnnounced();
    this.release();
    const { socket } = this;
    const { halfCloseMs } = this.#context.options;
    if (announced) socket.destroySoon = () => lingeringClose(socket, halfCloseMs);
    else if (this.#last !== undefined) this.#last.response.shouldKeepAlive = this.#last.keepAlive;
  }

  /** What is lost if the connection is destroyed now. */
  lost(ageMs: number): Cut[] {
    const { at } = this.#state;
    if (at === "waiting" || at === "released" || (at === "closing" && this.socket.writableFinished))
      return [];
    const [response] = this.#outstanding;
    const request = response === undefined ? undefined : requestOf(response);
    return [{ kind: this.kind, ageMs, ...requestLine(request?.method, request?.url) }];
  }

  destroy(): void {
    this.socket.destroy();
  }

  #watch(response: ServerResponse): void {
    response.once("close", () => {
      if (response.writableFinished) this.#context.served();
      this.#outstanding.splice(this.#outstanding.indexOf(response), 1);
      if (this.#state.at === "serving" && this.#outstanding.length === 0) {
        this.#wait(this.#context.lingerMs(this.socket));
      }
    });
  }

  // Only the last response of a pipeline may announce the end: what follows an announcement is lost.
  #announce(response: ServerResponse): void {
    if (this.#last !== undefined) this.#last.response.shouldKeepAlive = this.#last.keepAlive;
    this.#last = response.headersSent ? undefined : { response, keepAlive: response.shouldKeepAlive };
    if (this.#last !== undefined) response.shouldKeepAlive = false;
  }

  // An app that writes `Connection: keep-alive` itself has announced nothing.
  #hasAnnounced(): boolean {
    return this.#last !== undefined && /^connection: *close/im.test(renderedHead(this.#last.response));
  }

  #wait(lingerMs: number): void {
    const timer = lingerMs > 0 ? setTimeout(() => this.#endWait(), lingerMs).unref() : undefined;
    this.#state = { at: "waiting", timer, bytesRead: this.socket.bytesRead };
    if (timer === undefined) this.#endWait();
  }

  #endWait(): void {
    const waiting = this.#state;
    const end = (): void => {
      if (this.#state !== waiting || waiting.at !== "waiting") return;
      if (this.socket.bytesRead === waiting.bytesRead) this.close();
      else this.#state = { at: "head" };
    };
    this.#context.onceRefusing(() => this.#context.afterTurn(end));
  }

  #kindOfResponse(): ConnectionKind {
    const [response] = this.#outstanding;
    if (response === undefined) return "request";
    const head = renderedHead(response);
    if (head !== "") return isEventStream(head, requestOf(response)) ? "event-stream" : "request";
    const wait = this.#waitOf(response);
    return wait === undefined ? "request" : wait === "event-stream" ? "event-stream" : "long-poll";
  }

  #waitOf(response: ServerResponse): Wait | undefined {
    const request = requestOf(response);
    if (request === undefined || response.headersSent) return undefined;
    return waitOf(request, this.#context.waitedMs(this.socket), this.#context.options);
  }
}

function isEventStream(head: string, request: RequestHead | undefined): boolean {
  if (/^content-type: *text\/event-stream/im.test(head)) return true;
  // Who asked for events and gets what has no length gets events, whatever its type says.
  return request !== undefined && wantsEvents(request) && !/^content-length:/im.test(head);
}

/** With the headers that the app has chosen for other origins: without them a browser would see a failure. */
function released(response: ServerResponse, wait: Wait): string {
  const { status, headers, body } = releaseOf(wait, requestOf(response) ?? { headers: {} });
  const lines = Object.entries({ ...headers, Connection: "close" });
  for (const name of response.getHeaderNames()) {
    if (name === "vary" || name.startsWith("access-control-")) {
      lines.push([name, [response.getHeader(name)].flat().join(", ")]);
    }
  }
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `HTTP/1.1 ${status} ${status === 204 ? "No Content" : "OK"}\r\n${head}\r\n${body}`;
}

function endOfBody(response: ServerResponse): string {
  return /^transfer-encoding: *chunked/im.test(renderedHead(response)) ? "0\r\n\r\n" : "";
}
