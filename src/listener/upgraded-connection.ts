import type { Socket } from "node:net";
import { now } from "./connections.ts";
import type { DrainContext } from "./http1-connection.ts";
import { lingeringClose } from "./lingering-close.ts";
import { bySymbol } from "./node-internals.ts";
import type { Cut } from "./report.ts";

/** RFC 6455, 7.4.1: the endpoint is going away; clients reconnect. */
const GOING_AWAY = 1001;
const OPEN = 1;
/** A peer from which nothing has come in so many looks has nothing on its way that we could wait for. */
const QUIET_LOOKS = 3;
const LOOK_MS = 10;

interface WebSocketLike {
  readonly readyState: number;
  close(code: number, reason: string): void;
}

/** A WebSocket or whatever else took a connection over. A WebSocket of `ws` is told; others hear of it from their app. */
export class UpgradedConnection {
  readonly socket: Socket;
  readonly #context: Pick<DrainContext, "options" | "afterTurn">;
  #looks: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(socket: Socket, context: Pick<DrainContext, "options" | "afterTurn">) {
    this.socket = socket;
    this.#context = context;
  }

  get kind(): "websocket" | "upgrade" {
    return this.#webSocket() === undefined ? "upgrade" : "websocket";
  }

  /**
   * The closing handshake, unless the app has begun it. After 1001 an app can answer no more, so before it comes everything
   * that the kernel has is read: until nothing has come for 30 ms, at most `webSocketAnswerMs`, and for one turn more.
   */
  sayGoingAway(): void {
    if (this.#webSocket() === undefined) return;
    let seen = this.socket.bytesRead;
    // Looks and not milliseconds: a process that stood still has not read yet what came meanwhile.
    let quietLooks = 0;
    const end = now() + this.#context.options.webSocketAnswerMs;
    this.#looks = setInterval(() => {
      const { bytesRead } = this.socket;
      quietLooks = bytesRead === seen ? quietLooks + 1 : 0;
      seen = bytesRead;
      if (now() < end && quietLooks < QUIET_LOOKS) return;
      clearInterval(this.#looks);
      this.#context.afterTurn(() => this.#close());
    }, LOOK_MS).unref();
    this.socket.once("close", () => clearInterval(this.#looks));
  }

  /** The drain was given up. Who was told has been told. */
  recall(): void {
    clearInterval(this.#looks);
  }

  #close(): void {
    const webSocket = this.#webSocket();
    if (webSocket?.readyState === OPEN) webSocket.close(GOING_AWAY, "going away");
  }

  endOverdue(sinceStopMs: number): void {
    if (this.#closing || sinceStopMs < this.#context.options.webSocketDeadlineMs) return;
    this.#closing = true;
    this.recall();
    this.#close();
    lingeringClose(this.socket, this.#context.options.halfCloseMs);
  }

  lost(ageMs: number): Cut[] {
    // Told, and sent a FIN: who still does not close has lost nothing.
    return this.#closing ? [] : [{ kind: this.kind, ageMs }];
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** `ws` keeps its object on the socket. */
  #webSocket(): WebSocketLike | undefined {
    const found = bySymbol(this.socket, "websocket") as Partial<WebSocketLike> | undefined;
    const known = typeof found?.close === "function" && typeof found.readyState === "number";
    return known ? (found as WebSocketLike) : undefined;
  }
}
