import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import { tcpSocketUnder } from "../../listener/node-internals.ts";
import type { Certificate } from "../certificate.ts";
import { CLIENT_LIMITS } from "./client-options.ts";

const HANDSHAKE_MS = 10_000;

export interface TlsHandshakesOwner {
  secured(socket: TLSSocket): void;
  /** One has come to its end, whichever. */
  over(): void;
}

/** Connections that shake hands. */
export class TlsHandshakes {
  readonly #server: Server;
  readonly #owner: TlsHandshakesOwner;
  readonly #sockets = new Set<Socket>();

  constructor(tls: Certificate, owner: TlsHandshakesOwner) {
    this.#owner = owner;
    this.#server = createServer({
      ...contextOf(tls),
      handshakeTimeout: HANDSHAKE_MS,
      ALPNProtocols: ["h2", "http/1.1"],
    });
    this.#server.on("secureConnection", (socket) => {
      owner.secured(socket);
      this.#over(tcpSocketUnder(socket));
    });
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  renew(tls: Certificate): void {
    this.#server.setSecureContext(contextOf(tls));
  }

  get busy(): boolean {
    return this.#sockets.size > 0;
  }

  begin(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined); // "close" follows and says the same.
    socket.once("close", () => this.#over(socket));
    this.#server.emit("connection", socket);
  }

  /** Those that have begun get as long as a first request does. */
  close(): void {
    for (const socket of this.#sockets)
      setTimeout(() => this.#sockets.has(socket) && socket.destroy(), CLIENT_LIMITS.firstRequestMs).unref();
  }

  /** Ends them now. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #over(socket: Socket | undefined): void {
    if (socket !== undefined && this.#sockets.delete(socket)) this.#owner.over();
  }
}

function contextOf({ cert, key }: Certificate): SecureContextOptions {
  // A client may ask for one handshake after another, and for another name than the one it was let in with.
  return { cert, key, secureOptions: constants.SSL_OP_NO_RENEGOTIATION };
}
