import { connect, type Socket } from "node:net";
import { LOOPBACK } from "../process/port.ts";
import { guardEvents, type Guarded, type GuardedEvents } from "./proxy/boundary.ts";
import { ResponseReader, type ResponseSink } from "./response-reader.ts";

/** Margin before the backend's own keep-alive timeout inside which an idle connection is not used for what cannot be retried. */
const KEEP_ALIVE_MARGIN_MS = 1000;
/** More idle connections than this are closed; they only serve to save a connect. */
export const MAX_IDLE_CONNECTIONS = 256;

/** So many connections to one process are being made at a time: a queue of 511 is what its system usually gives it. */
export const MAX_CONNECTING = 128;

/** What an application may take to end an upgraded connection whose client has ended it, milliseconds. */
export const UPGRADED_END_MS = 5_000;

/** How a connection was lost, for the decision whether its request can be sent again. */
export interface Loss {
  /** It never came to be. */
  readonly refused: boolean;
  /** It had carried another request before, so the backend may have closed it while it was idle. */
  readonly reused: boolean;
  readonly code: string | undefined;
}

/** The one request that a connection carries at a time. */
export interface UpstreamUser extends ResponseSink {
  /** See Guarded. */
  broken(error: unknown): void;
  upstreamDrained(): void;
  /** The connection is gone before the response was complete. */
  upstreamLost(loss: Loss): void;
  /** After 101: bytes of the other protocol; undefined: their end. */
  spliced(bytes: Buffer | undefined): void;
  /** A connection of another protocol, or a stream of events: it has no end of its own to wait for. */
  readonly endless: boolean;
}

/** One connection to a backend: free, then carrying a request, then free again. */
export class UpstreamConnection implements Guarded {
  static readonly #EVENTS: GuardedEvents<UpstreamConnection> = {
    connect: (connection) => connection.#believe(),
    data: (connection, chunk: Buffer) => connection.#receive(chunk),
    drain: (connection) => connection.#user?.upstreamDrained(),
    end: (connection) => connection.#ended(),
    error: (connection, error: NodeJS.ErrnoException) => {
      connection.#errorCode = error.code;
    },
    close: (connection) => connection.#closed(),
  };
  readonly socket: Socket;
  readonly #pool: UpstreamPool;
  #user: UpstreamUser | undefined;
  #reader: ResponseReader | undefined;
  #connected = false;
  #served = 0;
  #errorCode: string | undefined;
  #freeUntil = 0;
  #splicing = false;

  constructor(pool: UpstreamPool, port: number) {
    this.#pool = pool;
    this.socket = connect({ port, host: LOOPBACK, noDelay: true });
    // Nothing is said, and nothing heard, before it is known who took the connection.
    this.socket.cork();
    this.socket.pause();
    guardEvents(this, this.socket, UpstreamConnection.#EVENTS);
  }

  /** The backend has promised to keep the connection open for longer than a request needs to get there. */
  get certainlyOpen(): boolean {
    return Date.now() < this.#freeUntil;
  }

  /** Takes the connection for one request whose response goes to `user`. */
  carry(user: UpstreamUser, method: string): void {
    this.#user = user;
    this.#reader = new ResponseReader(user, method);
    this.#pool.busy.add(this);
  }

  /** It carries a request whose answer has an end. */
  get ordinary(): boolean {
    return this.#user?.endless === false;
  }

  /** The request and its response are over. */
  release(reusable: boolean, keepAliveMs: number): void {
    this.#user = undefined;
    this.#reader = undefined;
    this.#served += 1;
    this.#pool.busy.delete(this);
    if (!reusable || this.socket.readyState !== "open") {
      this.socket.destroy();
      return;
    }
    this.#freeUntil = keepAliveMs === 0 ? 0 : Date.now() + keepAliveMs - KEEP_ALIVE_MARGIN_MS;
    this.socket.resume();
    this.#pool.putIdle(this);
  }

  splice(): void {
    this.#splicing = true;
  }

  /** The client has ended its half of what was upgraded: the application gets to know, and has a limit for its own. */
  finish(): void {
    this.#user = undefined;
    this.#pool.busy.delete(this);
    this.socket.end();
    this.socket.resume(); // Nobody reads what it still says, but with a reset it could not tell that from a failure.
    const limit = setTimeout(() => this.cut(), UPGRADED_END_MS);
    this.socket.once("close", () => clearTimeout(limit));
  }

  /** Ends it without a word to its user. */
  abandon(): void {
    this.#user = undefined;
    this.#pool.busy.delete(this);
    this.socket.destroy();
  }

  broken(error: unknown): void {
    const user = this.#user;
    this.abandon();
    if (user === undefined) this.#pool.broken(error);
    else user.broken(error);
  }

  cut(): void {
    this.socket.destroy();
  }

  async #believe(): Promise<void> {
    const ours = await this.#pool.isOurs();
    if (this.socket.destroyed) return;
    if (!ours) {
      this.#errorCode = "ECONNREFUSED"; // As the process itself would have refused it.
      this.socket.destroy();
      return;
    }
    this.#connected = true;
    this.#pool.settled();
    this.socket.uncork();
    this.socket.resume();
  }

  #receive(chunk: Buffer): void {
    if (this.#splicing) {
      this.#user?.spliced(chunk);
    } else if (this.#reader === undefined) {
      this.socket.destroy(); // Nobody asked: whatever this is, it is no response.
    } else {
      this.#reader.read(chunk);
    }
  }

  #ended(): void {
    this.#pool.forget(this);
    if (this.#splicing) this.#user?.spliced(undefined);
    else this.#reader?.end();
  }

  #closed(): void {
    this.#pool.forget(this);
    if (!this.#connected) this.#pool.settled();
    const user = this.#user;
    this.#user = undefined;
    if (user === undefined) return;
    if (this.#splicing) user.spliced(undefined);
    else user.upstreamLost({ refused: !this.#connected, reused: this.#served > 0, code: this.#errorCode });
  }
}

export interface PoolOwner {
  /** The pool was crowded and no longer is. */
  roomAgain(): void;
  /** Whether a connection that has come to be is one to the process. */
  isOurs(): Promise<boolean>;
  broken(error: unknown): void;
}

/** The connections to one backend process: never more than there were requests at the same time. */
export class UpstreamPool {
  /** Those that carry a request. */
  readonly busy = new Set<UpstreamConnection>();
  readonly #port: number;
  readonly #owner: PoolOwner;
  readonly #idle: UpstreamConnection[] = [];
  #connecting = 0;
  #retired = false;

  constructor(port: number, owner: PoolOwner) {
    this.#port = port;
    this.#owner = owner;
  }

  isOurs(): Promise<boolean> {
    return this.#owner.isOurs();
  }

  /** A defect that no request can be blamed for. */
  broken(error: unknown): void {
    this.#owner.broken(error);
  }

  /** Too many connections are being made; a request that needs a new one had better wait. */
  get crowded(): boolean {
    return this.#connecting >= MAX_CONNECTING;
  }

  /**
   * An idle connection, or a new one; `fresh`: only one that the backend has certainly not closed meanwhile. Where there are
   * only others a new one takes the place of the oldest: a backend may allow fewer connections than would pile up.
   */
  take(fresh: boolean): UpstreamConnection {
    const idle = this.#idle.at(-1);
    if (idle !== undefined && (!fresh || idle.certainlyOpen)) {
      this.#idle.pop();
      return idle;
    }
    this.#idle.shift()?.socket.destroy();
    this.#connecting += 1;
    return new UpstreamConnection(this, this.#port);
  }

  /** A connection has come to be, or has failed to. */
  settled(): void {
    this.#connecting -= 1;
    if (this.#connecting === MAX_CONNECTING - 1) this.#owner.roomAgain();
  }

  putIdle(connection: UpstreamConnection): void {
    if (this.#retired || this.#idle.length >= MAX_IDLE_CONNECTIONS) connection.socket.destroy();
    else this.#idle.push(connection);
  }

  forget(connection: UpstreamConnection): void {
    this.busy.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }

  /** It gets no more requests: what becomes idle is closed. */
  retire(): void {
    this.#retired = true;
    this.closeIdle();
  }

  /** An answer that has an end is still to come. */
  get hasOrdinary(): boolean {
    for (const connection of this.busy) if (connection.ordinary) return true;
    return false;
  }

  closeIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.socket.destroy();
  }
}
