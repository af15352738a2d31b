import type { Socket } from "node:net";
import { now } from "./connections.ts";
import type { DrainContext } from "./http1-connection.ts";
import type { Cut } from "./report.ts";

/** A TCP connection of which no protocol is known: in its TLS handshake, or of a server that is neither http nor http2. */
export class OpaqueConnection {
  readonly socket: Socket;
  readonly kind: "handshake" | "tcp";
  readonly #context: DrainContext;
  #bytesRead: number;
  #movedAt = now();

  constructor(socket: Socket, kind: "handshake" | "tcp", context: DrainContext) {
    this.socket = socket;
    this.kind = kind;
    this.#bytesRead = socket.bytesRead;
    this.#context = context;
  }

  /** A handshake that has not begun is a preconnect; one that goes on gets its time. A plain socket is its app's. */
  endOverdue(): void {
    if (this.kind === "tcp") return;
    const { lingerMs, handshakeMs } = this.#context.options;
    const { bytesRead } = this.socket;
    if (bytesRead !== this.#bytesRead) {
      this.#bytesRead = bytesRead;
      this.#movedAt = now();
    }
    const stillMs = now() - this.#movedAt;
    const unused = bytesRead === 0 && stillMs >= lingerMs && this.#context.quietFor(this.socket) >= lingerMs;
    if (unused || stillMs >= handshakeMs) this.#context.afterTurn(() => this.#endIfStill(bytesRead));
  }

  lost(ageMs: number): Cut[] {
    return [{ kind: this.kind, ageMs }];
  }

  destroy(): void {
    this.socket.destroy();
  }

  #endIfStill(bytesRead: number): void {
    if (this.socket.bytesRead === bytesRead) this.socket.destroy();
  }
}
