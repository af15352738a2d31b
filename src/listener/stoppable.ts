import type { Server } from "node:net";
import { InplaceError } from "../errors.ts";
import { Connections } from "./connections.ts";
import { Drain } from "./drain.ts";
import { normalizeOptions, type StoppableOptions } from "./options.ts";
import type { DrainReport } from "./report.ts";

/** A server that can stop without losing what it has accepted. */
export interface StoppableServer {
  readonly server: Server;
  readonly isDraining: boolean;
  /** Aborts when stop begins. What would never end by itself (event streams, long polls) ends on it. */
  readonly draining: AbortSignal;
  /** Drains and closes. Never rejects; a second call gives the same promise. */
  stop(): Promise<DrainReport>;
}

const known = new WeakMap<Server, Stoppable>();

/**
 * Makes an http, https, http2 or net server stoppable: `stop()` and the server's own `close()` then drain it. May be
 * called at any time, best before it listens; a second call for the same server gives the same object.
 * The server emits `draining` when stop begins. Throws RangeError for an option that is no duration.
 */
export function stoppable(server: Server, options: StoppableOptions = {}): StoppableServer {
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
  readonly #controller = new AbortController();
  #options: StoppableOptions;
  #report: Promise<DrainReport> | undefined;

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

  configure(options: StoppableOptions): void {
    this.#options = { ...this.#options, ...options };
    normalizeOptions(this.#options);
  }

  stop(): Promise<DrainReport> {
    if (this.#report !== undefined) return this.#report;
    this.#report = new Drain(this.#connections, normalizeOptions(this.#options)).run();
    // Not within this call: what a listener throws is the app's failure, and must not keep the server from stopping.
    process.nextTick(() => {
      this.#controller.abort();
      this.server.emit("draining");
    });
    return this.#report;
  }

  #takeOver(): void {
    const server = this.server as Server & { closeIdleConnections?: () => void };
    const close = server.close.bind(server);
    const listen = server.listen.bind(server);
    const sweep = server.closeIdleConnections?.bind(server);
    server.close = (callback?: (error?: Error) => void): Server => {
      if (!server.listening && !this.isDraining) return close(callback);
      if (callback !== undefined) server.once("close", callback);
      void this.stop();
      return server;
    };
    server.listen = ((...values: Parameters<typeof listen>): Server => {
      if (!this.isDraining) return listen(...values);
      throw new InplaceError("LISTENER_STOPPED", "listen() was called on a server that is stopping.");
    }) as typeof listen;
    if (sweep === undefined) return;
    // Frameworks sweep before they close; the drain frees idle connections without losing what is on its way.
    server.closeIdleConnections = () => {
      if (!this.isDraining) sweep();
    };
  }
}
