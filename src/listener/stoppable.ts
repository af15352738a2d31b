import type { Server } from "node:net";
import { InplaceError } from "../errors.ts";
import { Connections } from "./connections.ts";
import { Drain } from "./drain.ts";
import { normalizeOptions, type StoppableOptions } from "./options.ts";
import type { DrainReport } from "./report.ts";

/** A server that can stop without losing what it has accepted. Its own `close()` stays Node's until it stops. */
export interface StoppableServer {
  readonly server: Server;
  readonly isDraining: boolean;
  /**
   * Aborts when a drain begins. What would never end by itself (event streams, long polls) ends on it. Once a drain is over
   * after which the server goes on, this is another signal.
   */
  readonly draining: AbortSignal;
  /** Drains and closes. Never rejects; a second call gives the same promise. */
  stop(): Promise<DrainReport>;
}

const known = new WeakMap<Server, Stoppable>();

/**
 * Makes an http, https, http2 or net server stoppable: `stop()` drains it. May be called at any time, best before it
 * listens; a second call for the same server gives the same object.
 * The server emits `draining` when stop begins. Throws RangeError for an option that is no duration.
 */
export function stoppable(server: Server, options: StoppableOptions = {}): StoppableServer {
  return follow(server, options);
}

/**
 * One drain of a server that need not be its last: with `keepListening` the server goes on, and may be drained again, any
 * number of times. A drain that still runs is given up for it, except the one of `stop()`, whose promise this then gives.
 * Without own options those of the stoppable server hold. The server emits `draining`. Rejects with
 * RangeError for an option that is no duration, else never.
 */
export function drainConnections(server: Server, options: StoppableOptions = {}): Promise<DrainReport> {
  return follow(server).drain(options);
}

/**
 * Gives up the drain that runs, before this returns: nothing is cut any more, and connections which were not told of their end
 * live on. Its promise resolves. One of `stop()` still closes the port. Without a drain nothing happens.
 */
export function recallDrain(server: Server): void {
  Connections.of(server).followers?.recall();
}

/** `stop()` follows in a moment: what the app closes by itself from now on waits for it, as it does once the drain has begun. */
export function aboutToStop(server: Server): void {
  follow(server).aboutToStop();
}

function follow(server: Server, options: StoppableOptions = {}): Stoppable {
  const found = known.get(server);
  if (found !== undefined) {
    found.configure(options);
    return found;
  }
  const made = new Stoppable(server, options);
  known.set(server, made);
  return made;
}

class Stoppable implements StoppableServer {
  readonly server: Server;
  readonly #connections: Connections;
  #controller = new AbortController();
  #options: StoppableOptions;
  #report: Promise<DrainReport> | undefined;
  #isAboutToStop = false;
  #isClosed = false;

  constructor(server: Server, options: StoppableOptions) {
    normalizeOptions(options);
    this.server = server;
    this.#options = options;
    this.#connections = Connections.of(server);
    this.#takeOver();
  }

  get isDraining(): boolean {
    return this.#report !== undefined;
  }

  get draining(): AbortSignal {
    return this.#controller.signal;
  }

  aboutToStop(): void {
    this.#isAboutToStop = true;
  }

  configure(options: StoppableOptions): void {
    this.#options = { ...this.#options, ...options };
    normalizeOptions(this.#options);
  }

  stop(): Promise<DrainReport> {
    if (this.#report !== undefined) return this.#report;
    this.server.once("close", () => {
      this.#isClosed = true;
    });
    this.#report = this.#drain({ ...this.#options, keepListening: false });
    return this.#report;
  }

  async drain(options: StoppableOptions): Promise<DrainReport> {
    if (this.#report !== undefined) return await this.#report;
    const report = await this.#drain({ ...this.#options, ...options });
    const goesOn = !this.isDraining && this.#connections.followers === undefined;
    if (goesOn) this.#controller = new AbortController();
    return report;
  }

  #drain(options: StoppableOptions): Promise<DrainReport> {
    const chosen = normalizeOptions(options);
    this.#connections.followers?.recall();
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
    const controller = this.#controller;
    // Not within this call: what a listener throws is the app's failure, and must not keep the server from stopping.
    process.nextTick(() => {
      controller.abort();
      this.server.emit("draining");
    });
    return new Drain(this.#connections, chosen).run();
  }

  #takeOver(): void {
    const server = this.server as Server & { closeIdleConnections?: () => void };
    const close = server.close.bind(server);
    const listen = server.listen.bind(server);
    const sweep = server.closeIdleConnections?.bind(server);
    server.close = (callback?: (error?: Error) => void): Server => {
      if ((this.isDraining || (this.#isAboutToStop && server.listening)) && !this.#isClosed) {
        if (callback !== undefined) server.once("close", callback);
        return server;
      }
      const { listening } = server;
      close(callback);
      if (listening) server.emit("refusing"); // For what else accepts for this server.
      return server;
    };
    server.listen = ((...values: Parameters<typeof listen>): Server => {
      if (!this.isDraining) return listen(...values);
      throw new InplaceError("LISTENER_STOPPED", "listen() was called on a server that is stopping.");
    }) as typeof listen;
    if (sweep === undefined) return;
    // Frameworks sweep before they close; the drain frees idle connections without losing what is on its way.
    server.closeIdleConnections = () => {
      if (!this.isDraining && !this.#isAboutToStop) sweep();
    };
  }
}
