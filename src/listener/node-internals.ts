/**
 * What Node knows of a connection and does not document. Every field is read here and nowhere else, and may be
 * missing: then a connection counts as idle when no request of it is known. The version matrix watches them.
 */
import type { Server as NetServer, Socket } from "node:net";
import type { IncomingMessage, ServerResponse } from "node:http";

interface InnerSocket {
  /** The response whose turn it is; null between requests, and only after its last byte went to the kernel. */
  readonly _httpMessage?: ServerResponse | null;
  /** The http parser: null once the connection was upgraded, undefined where http never ran. */
  readonly parser?: object | null;
  /** The TCP socket under a TLS socket. */
  readonly _parent?: Socket | null;
}

interface InnerParser {
  readonly socket?: Socket | null;
}

/** Core's own list of http/1 connections, kept in C++ for `headersTimeout` and `requestTimeout`. */
interface ConnectionsList {
  all(): InnerParser[];
  active(): InnerParser[];
  expired(headersTimeoutMs: number, requestTimeoutMs: number): InnerParser[];
}

export function currentResponse(socket: Socket): ServerResponse | undefined {
  return (socket as InnerSocket)._httpMessage ?? undefined;
}

interface InnerHandle {
  readonly bytesWritten?: number;
  readonly writeQueueSize?: number;
  /** The TCP handle under that of a TLS socket. */
  readonly _parent?: InnerHandle | null;
}

/** How many bytes the kernel has taken, which the public counters tell only for whole writes. Encrypted ones with TLS. */
export function bytesTaken(socket: Socket): number {
  const handle = (socket as { readonly _handle?: InnerHandle | null })._handle;
  const { bytesWritten, writeQueueSize } = handle?._parent ?? handle ?? {};
  if (bytesWritten === undefined || writeQueueSize === undefined)
    return socket.bytesWritten - socket.writableLength;
  return bytesWritten - writeQueueSize;
}

export function protocolOf(socket: Socket): "http1" | "upgraded" | "unknown" {
  const { parser } = socket as InnerSocket;
  return parser === undefined ? "unknown" : parser === null ? "upgraded" : "http1";
}

/** By what only such servers have: to import node:tls costs every preloaded app two megabytes. */
export function isTls(server: NetServer): boolean {
  return "setSecureContext" in server;
}

export function tcpSocketUnder(socket: Socket): Socket | undefined {
  return (socket as InnerSocket)._parent ?? undefined;
}

/** The head as text once it was rendered. */
export function renderedHead(response: ServerResponse): string {
  const head = (response as { _header?: unknown })._header;
  return typeof head === "string" ? head : "";
}

export function requestOf(response: ServerResponse): IncomingMessage | undefined {
  return response.req as IncomingMessage | undefined;
}

/** Connections of which a message has begun and is not complete, and those that never sent a byte. */
export function receivingSockets(server: NetServer): ReadonlySet<Socket> {
  return sockets(listOf(server)?.active());
}

/** Connections whose head or body takes longer than the server allows; core looks only every 30 s. */
export function expiredSockets(server: NetServer): ReadonlySet<Socket> {
  const { headersTimeout, requestTimeout } = server as { headersTimeout?: number; requestTimeout?: number };
  if (headersTimeout === undefined || requestTimeout === undefined) return new Set();
  if (headersTimeout === 0 && requestTimeout === 0) return new Set();
  return sockets(listOf(server)?.expired(headersTimeout, requestTimeout));
}

/** Open connections of a server that nobody followed from its beginning; of http2, TCP sockets only. */
export function openSockets(server: NetServer): Set<Socket> {
  const { _getActiveHandles } = process as { _getActiveHandles?: () => unknown[] };
  const handles = _getActiveHandles?.call(process) ?? [];
  const found = new Set(
    handles.filter((each): each is Socket => (each as { server?: unknown }).server === server),
  );
  for (const socket of sockets(listOf(server)?.all())) {
    const tcp = tcpSocketUnder(socket);
    if (tcp !== undefined) found.delete(tcp);
    found.add(socket);
  }
  return found;
}

function listOf(server: NetServer): ConnectionsList | undefined {
  return bySymbol(server, "http.server.connections") as ConnectionsList | undefined;
}

function sockets(parsers: readonly InnerParser[] = []): Set<Socket> {
  const found = new Set<Socket>();
  for (const { socket } of parsers) if (socket) found.add(socket);
  return found;
}

/** The value of an own symbol property, by the symbol's description. */
export function bySymbol(owner: object, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(owner).find((each) => each.description === description);
  return symbol === undefined ? undefined : (owner as Record<symbol, unknown>)[symbol];
}
