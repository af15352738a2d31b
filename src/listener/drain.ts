import { Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import { Server as NetServer, type Socket } from "node:net";
import { acceptQueued } from "./accept-drain.ts";
import { now, type Connections, type Followers, type StreamRecord } from "./connections.ts";
import { Http1Connection, type DrainContext } from "./http1-connection.ts";
import { Http2Connection } from "./http2-connection.ts";
import { expiredSockets, isTls, protocolOf, receivingSockets, tcpSocketUnder } from "./node-internals.ts";
import { OpaqueConnection } from "./opaque-connection.ts";
import { DEFAULT_LINGER_MS, keptMs, type DrainOptions } from "./options.ts";
import type { ConnectionKind, Cut, DrainReport } from "./report.ts";
import { interceptServer, type Interception } from "./server-events.ts";
import { SharedTurn } from "./shared-turn.ts";
import { UpgradedConnection } from "./upgraded-connection.ts";

/** How often the deadlines of single kinds and the server's own timeouts are looked at. */
const OVERSEE_MS = 50;
/** What is destroyed at the deadline is gone a turn later; if Node does not say so by then, the report comes anyway. */
const DESTROY_GUARD_MS = 1_000;

type DrainingConnection = Http1Connection | Http2Connection | UpgradedConnection | OpaqueConnection;

/** One drain of one server, from the beginning of stop to its report. */
export class Drain implements Followers, DrainContext, Interception {
  readonly options: DrainOptions;
  readonly #connections: Connections;
  readonly #server: NetServer;
  readonly startedAt = now();
  readonly #open = new Map<Socket, DrainingConnection>();
  /** Of those, the ones from before stop. */
  readonly #older = new Set<Socket>();
  readonly #sessions = new WeakMap<Http2Session, Http2Connection>();
  readonly #atStart: Partial<Record<ConnectionKind, number>> = {};
  readonly #cut: Cut[] = [];
  #served = 0;
  #accepted = 0;
  readonly #turn = new SharedTurn();
  #untilRefusing: (() => void)[] | undefined;
  #olderGone: (() => void) | undefined;
  #over: (() => void) | undefined;
  #leave: (() => void) | undefined;
  #recalled = false;
  readonly #gone = listenerOf((socket) => {
    this.#open.delete(socket);
    this.#older.delete(socket);
    if (this.#older.size === 0) this.#olderGone?.();
    this.#checkOver();
  });

  constructor(connections: Connections, options: DrainOptions) {
    this.options = options;
    this.#connections = connections;
    this.#server = connections.server;
    this.#untilRefusing = options.keepAccepting || options.keepListening ? undefined : [];
  }

  async run(): Promise<DrainReport> {
    const server = this.#server;
    const { keepListening, only } = this.options;
    this.#begin();
    this.#takeStock();
    const over = new Promise<void>((resolve) => {
      this.#over = resolve;
    });
    this.afterTurn(() => {
      this.#sayGoingAway();
      this.onceRefusing(() => this.#endOverdue());
    });
    if (keepListening) this.afterTurn(() => this.#checkOver());
    else await this.#refuse();
    await over;
    this.#leave?.();
    // Ends core's timer of header and request timeouts, which would hold the server in memory.
    if ("headersTimeout" in server && !keepListening && only === undefined && !this.#recalled) {
      HttpServer.prototype.close.call(server as HttpServer);
    }
    return {
      durationMs: now() - this.startedAt,
      served: this.#served,
      connections: this.#atStart,
      accepted: this.#accepted,
      cut: this.#cut,
    };
  }

  /** The server is to serve on: nothing is cut any more, and connections that were not told of their end live on. */
  recall(): void {
    this.#recalled = true;
    this.#turn.drop();
    this.#leave?.();
    for (const [socket, connection] of this.#open) {
      socket.off("close", this.#gone);
      if (!(connection instanceof OpaqueConnection)) connection.recall();
    }
    this.#open.clear();
    this.#olderGone?.();
    this.#over?.();
  }

  drains(socket: Socket): boolean {
    return this.#open.has(socket);
  }

  waitedMs(socket: Socket): number {
    return Math.max(0, this.startedAt - this.#connections.activeAt(socket));
  }

  quietFor(socket: Socket): number {
    return now() - this.#connections.activeAt(socket);
  }

  lingerMs(socket: Socket): number {
    const { keepAccepting, lingerMs } = this.options;
    if (!keepAccepting) return lingerMs;
    return this.#older.has(socket) ? keptMs(this.#server) : DEFAULT_LINGER_MS;
  }

  served(): void {
    this.#served += 1;
  }

  afterTurn(then: () => void): void {
    this.#turn.after(then);
  }

  onceRefusing(then: () => void): void {
    if (this.#untilRefusing === undefined) then();
    else this.#untilRefusing.push(then);
  }

  arrived(socket: Socket): void {
    const tcp = tcpSocketUnder(socket);
    const shookHands = tcp !== undefined && this.#open.delete(tcp);
    if (!shookHands && !this.#isMeant(socket, true)) return;
    if (tcp === undefined) this.#accepted += 1;
    this.#adopt(socket, false);
  }

  accepts(request: IncomingMessage, response: ServerResponse): boolean {
    const connection = this.#open.get(request.socket);
    return !(connection instanceof Http1Connection) || connection.accepts(response);
  }

  upgraded(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (!(connection instanceof Http1Connection)) return;
    connection.release();
    const upgraded = new UpgradedConnection(socket, this);
    this.#open.set(socket, upgraded);
    this.afterTurn(() => upgraded.sayGoingAway());
  }

  streamOpened(stream: ServerHttp2Stream, record: StreamRecord): void {
    this.#http2Of(record)?.opened(stream, record);
  }

  streamClosed(stream: ServerHttp2Stream, record: StreamRecord): void {
    this.#http2Of(record)?.closed(stream);
    this.#checkOver();
  }

  #begin(): void {
    const release = interceptServer(this.#server, this);
    const deadline = setTimeout(() => this.#cutAll(), this.options.deadlineMs).unref();
    const overseer = setInterval(() => this.#oversee(), OVERSEE_MS).unref();
    this.#connections.followers = this;
    this.#leave = () => {
      this.#leave = undefined;
      clearTimeout(deadline);
      clearInterval(overseer);
      release();
      this.#connections.followers = undefined;
    };
  }

  /** Until the port is closed. */
  async #refuse(): Promise<void> {
    const server = this.#server;
    if (server.listening) await this.#lastAccepts();
    server.once("close", () => this.#checkOver());
    // Not server.close(): core's sweep of idle connections truncates responses that are not flushed, and resets.
    NetServer.prototype.close.call(server);
    server.emit("refusing");
    this.#refuses();
    // The server closes when all its connections have, also those that are left alone.
    if (this.options.only !== undefined) this.afterTurn(() => this.#checkOver());
  }

  #isMeant(socket: Socket, isNew: boolean): boolean {
    const { keepListening, only } = this.options;
    return only === undefined ? !(keepListening && isNew) : only(tcpSocketUnder(socket) ?? socket);
  }

  #takeStock(): void {
    const receiving = receivingSockets(this.#server);
    for (const socket of this.#connections.sockets) {
      if (!this.#isMeant(socket, false)) continue;
      this.#older.add(socket);
      const { kind } = this.#adopt(socket, receiving.has(socket));
      this.#atStart[kind] = (this.#atStart[kind] ?? 0) + 1;
    }
  }

  #adopt(socket: Socket, receiving: boolean): DrainingConnection {
    const connection = this.#connectionOf(socket, receiving);
    this.#open.set(socket, connection);
    socket.once("close", this.#gone);
    return connection;
  }

  /** Accepts what nobody else would, until the port may close. */
  async #lastAccepts(): Promise<void> {
    const { acceptDrain, keepAccepting } = this.options;
    if (!keepAccepting) {
      if (acceptDrain !== undefined) await acceptQueued(this.#server, acceptDrain);
    } else if (this.#older.size > 0) {
      await new Promise<void>((resolve) => {
        this.#olderGone = resolve;
      });
    }
  }

  #connectionOf(socket: Socket, receiving: boolean): DrainingConnection {
    const session = this.#connections.sessions.get(socket);
    if (session !== undefined) {
      const connection = new Http2Connection(socket, session, this.#connections.streams, this);
      this.#sessions.set(session, connection);
      return connection;
    }
    if (isTls(this.#server) && !("encrypted" in socket)) {
      return new OpaqueConnection(socket, "handshake", this);
    }
    const protocol = protocolOf(socket);
    switch (protocol) {
      case "http1":
        return new Http1Connection(socket, this.#connections.outstanding(socket), receiving, this);
      case "upgraded":
        return new UpgradedConnection(socket, this);
      case "unknown":
        return new OpaqueConnection(socket, "tcp", this);
      default:
        return protocol satisfies never;
    }
  }

  #http2Of({ session }: StreamRecord): Http2Connection | undefined {
    return session === undefined ? undefined : this.#sessions.get(session);
  }

  #refuses(): void {
    const waiting = this.#untilRefusing ?? [];
    this.#untilRefusing = undefined;
    for (const then of waiting) then();
  }

  #sayGoingAway(): void {
    for (const connection of this.#open.values()) {
      if (connection instanceof UpgradedConnection) connection.sayGoingAway();
    }
  }

  #endOverdue(): void {
    const sinceStopMs = now() - this.startedAt;
    for (const connection of this.#open.values()) connection.endOverdue(sinceStopMs);
  }

  #oversee(): void {
    if (this.#untilRefusing === undefined) this.#endOverdue();
    for (const socket of expiredSockets(this.#server)) {
      const connection = this.#open.get(socket);
      if (connection instanceof Http1Connection) connection.timeOut();
    }
  }

  #cutAll(): void {
    for (const [socket, connection] of this.#open) {
      const active = connection instanceof Http1Connection ? "activeAt" : "openedAt";
      this.#cut.push(...connection.lost(now() - this.#connections[active](socket)));
      connection.destroy();
    }
    this.#olderGone?.();
    setTimeout(() => this.#over?.(), DESTROY_GUARD_MS).unref();
  }

  #checkOver(): void {
    if (this.#open.size > 0 || (this.#server.listening && !this.options.keepListening)) return;
    for (const { session } of this.#connections.streams.values()) {
      if (session !== undefined && this.#sessions.has(session)) return;
    }
    this.#over?.();
  }
}

/** One function for all sockets; a socket calls its listeners as `this`. */
function listenerOf(then: (socket: Socket) => void): (this: Socket) => void {
  return function heard() {
    then(this);
  };
}
