import { EventEmitter } from "node:events";

/** As net.Server's default. */
const BACKLOG = 511;

/** A TCP handle of Node's, as net.Server keeps it in `_handle`, and as the channel to the supervisor hands it over. */
export interface TcpHandle {
  onconnection: ((this: TcpHandle, error: number, client: TcpHandle | undefined) => void) | null;
  /** A negative number is a system error. */
  listen(backlog: number): number;
  close(done?: () => void): void;
}

/**
 * Accepts from a listening socket and hands every connection on as a bare handle, so that a server of the app can take it
 * as if it had accepted it itself. Emits `connection` after each.
 */
export class Acceptor extends EventEmitter {
  readonly #handle: TcpHandle;
  #listening = true;

  constructor(handle: TcpHandle, accepted: (client: TcpHandle) => void) {
    super();
    this.#handle = handle;
    handle.onconnection = (_error, client) => {
      // Without a client accepting has failed (no descriptor left): libuv tries again with the next connection.
      if (client !== undefined) accepted(client);
      this.emit("connection");
    };
    const error = handle.listen(BACKLOG);
    if (error !== 0) throw new Error(`listen failed with system error ${error}`);
  }

  get listening(): boolean {
    return this.#listening;
  }

  close(): void {
    if (this.#listening) this.#handle.close();
    this.#listening = false;
  }
}
