import type { Http2Session, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
import { currentResponse, openSockets, tcpSocketUnder } from "./node-internals.ts";

const OPENED = Symbol("inplace opened");
const ACTIVE = Symbol("inplace active");

interface Timed {
  [OPENED]?: number;
  [ACTIVE]?: number;
}

/** A running http2 stream: the headers of its request, and when it was opened. A closed stream has no session. */
export interface StreamRecord {
  readonly session: Http2Session | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly openedAt: number;
}

const followed = new WeakMap<Server, Connections>();

/** The drain that runs: told, from the beginning of stop on, of what opens and closes. */
export interface Followers {
  streamOpened(stream: ServerHttp2Stream, record: StreamRecord): void;
  streamClosed(stream: ServerHttp2Stream, record: StreamRecord): void;
  /** Gives the drain up, before this returns. */
  recall(): void;
}

/**
 * What a server has open, followed from the moment of attachment. While it serves, this costs about a
 * hundred bytes per connection and a write per request; everything else is found out when stop begins.
 */
export class Connections {
  readonly server: Server;
  /** TCP sockets; of TLS servers the secure ones, and the TCP ones that are still in their handshake. */
  readonly sockets = new Set<Socket>();
  readonly sessions = new Map<Socket, ServerHttp2Session>();
  readonly streams = new Map<ServerHttp2Stream, StreamRecord>();
  followers: Followers | undefined;
  // Responses that had to queue behind another one: only these can be outstanding and not be the socket's current one.
  readonly #pipelined = new WeakMap<Socket, ServerResponse[]>();
  readonly #destroy: Socket["_destroy"];
  readonly #forgetStream: (this: ServerHttp2Stream) => void;

  /** Everybody who follows a server shares this: two would take each other's hold on the sockets away. */
  static of(server: Server): Connections {
    const found = followed.get(server) ?? new Connections(server);
    followed.set(server, found);
    return found;
  }

  private constructor(server: Server) {
    this.server = server;
    this.#destroy = destroyIn(this);
    this.#forgetStream = forgetStreamIn(this);
    this.#follow();
    for (const socket of openSockets(server)) this.#opened(socket);
  }

  /** Responses that the app has not finished, in the order of their requests. */
  outstanding(socket: Socket): ServerResponse[] {
    const current = currentResponse(socket);
    if (current === undefined) return [];
    const queued = this.#pipelined.get(socket) ?? [];
    return [current, ...queued.filter((each) => each !== current && !each.writableFinished)];
  }

  /** Times of `performance.now()`; a socket is active when it is opened and when a request arrives. */
  openedAt(socket: Socket): number {
    return (socket as Timed)[OPENED] ?? 0;
  }

  activeAt(socket: Socket): number {
    return (socket as Timed)[ACTIVE] ?? this.openedAt(socket);
  }

  #follow(): void {
    let arriving: Socket | undefined;
    const opened = (socket: Socket): void => {
      arriving = socket;
      this.#opened(socket);
    };
    this.server.prependListener("connection", opened);
    this.server.prependListener("secureConnection", (socket: Socket) => {
      const tcp = tcpSocketUnder(socket);
      if (tcp !== undefined) this.sockets.delete(tcp);
      opened(socket);
    });
    this.server.on("session", (session: ServerHttp2Session) => {
      // A session is made while its socket's connection event is being emitted, and does not show its socket.
      if (arriving === undefined) return;
      this.sessions.set(arriving, session);
    });
    this.#followRequests();
    if (!isHttp2(this.server)) return;
    this.server.prependListener("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      const record = { session: stream.session, headers, openedAt: now() };
      this.streams.set(stream, record);
      stream.on("close", this.#forgetStream);
      this.followers?.streamOpened(stream, record);
    });
  }

  // On an http2 server a request listener switches the compatibility API on, which an app that uses streams must not
  // be given; so there it follows the app's own.
  #followRequests(): void {
    const { server } = this;
    if (!isHttp2(server) || server.listenerCount("request") > 0) {
      server.prependListener("request", this.#requested);
      return;
    }
    const added = (event: string | symbol): void => {
      if (event !== "request") return;
      server.off("newListener", added);
      server.prependListener("request", this.#requested);
    };
    server.on("newListener", added);
  }

  #opened(socket: Socket): void {
    if (socket.destroyed) return;
    this.sockets.add(socket);
    (socket as Timed)[OPENED] = now();
    // Not a listener of `close`: it would be the third, for which V8 makes room for 19 on every connection.
    socket._destroy = this.#destroy;
  }

  readonly #requested = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.httpVersionMajor >= 2) return;
    const { socket } = request;
    (socket as Timed)[ACTIVE] = now();
    if (currentResponse(socket) === response) return;
    const queued = this.#pipelined.get(socket);
    if (queued === undefined) {
      this.#pipelined.set(socket, [response]);
      return;
    }
    while (queued[0]?.writableFinished === true) queued.shift();
    queued.push(response);
  };
}

// Functions that find their socket in `this`, so that one serves all connections.
function destroyIn({ sockets, sessions }: Connections): Socket["_destroy"] {
  return function destroy(this: Socket, error, callback) {
    sockets.delete(this);
    sessions.delete(this);
    const { _destroy } = Object.getPrototypeOf(this) as Pick<Socket, "_destroy">;
    _destroy.call(this, error, callback);
  };
}

function forgetStreamIn(connections: Connections) {
  return function forgetStream(this: ServerHttp2Stream): void {
    const record = connections.streams.get(this);
    if (record === undefined) return;
    connections.streams.delete(this);
    connections.followers?.streamClosed(this, record);
  };
}

/** Whole milliseconds: V8 keeps these without allocating. */
export function now(): number {
  return Math.trunc(performance.now());
}

function isHttp2(server: Server): boolean {
  return "updateSettings" in server;
}
