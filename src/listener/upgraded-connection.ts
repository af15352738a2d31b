import type { Socket } from "node:net";
import { lingeringClose } from "./lingering-close.ts";
import { bySymbol } from "./node-internals.ts";
import type { DrainOptions } from "./options.ts";
import type { Cut } from "./report.ts";

/** RFC 6455, 7.4.1: the endpoint is going away; clients reconnect. */
const GOING_AWAY = 1001;
const OPEN = 1;

interface WebSocketLike {
  readonly readyState: number;
  close(code: number, reason: string): void;
}

/** A WebSocket or whatever else took a connection over. A WebSocket of `ws` is told; others hear of it from their app. */
export class UpgradedConnection {
  readonly socket: Socket;
  readonly #options: DrainOptions;
  #closing = false;

  constructor(socket: Socket, options: DrainOptions) {
    this.socket = socket;
    this.#options = options;
  }

  get kind(): "websocket" | "upgrade" {
    return this.#webSocket() === undefined ? "upgrade" : "websocket";
  }

  /** The closing handshake, unless the app has begun it. */
  sayGoingAway(): void {
    const webSocket = this.#webSocket();
    if (webSocket?.readyState === OPEN) webSocket.close(GOING_AWAY, "going away");
  }

  endOverdue(sinceStopMs: number): void {
    if (this.#closing || sinceStopMs < this.#options.webSocketDeadlineMs) return;
    this.#closing = true;
    lingeringClose(this.socket, this.#options.halfCloseMs);
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
