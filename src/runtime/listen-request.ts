import type { InheritedSocket } from "./inherited-sockets.ts";

/** What one call of server.listen asks for: a port on a host, or the path of a Unix socket. */
export type ListenRequest =
  | { readonly kind: "tcp"; readonly port: number; readonly host: string | undefined }
  | { readonly kind: "unix"; readonly path: string };

/** Reads the forms of https://nodejs.org/api/net.html#serverlisten; undefined for those that bring a handle of their own. */
export function listenRequest([first, second]: readonly unknown[]): ListenRequest | undefined {
  if (typeof first === "object" && first !== null) {
    const { port, host, path } = first as { port?: unknown; host?: unknown; path?: unknown };
    if (typeof path === "string" && port === undefined) return { kind: "unix", path };
    return tcpRequest(port, host);
  }
  if (typeof first === "string" && !/^\d+$/.test(first)) return { kind: "unix", path: first };
  return tcpRequest(first, second);
}

function tcpRequest(port: unknown, host: unknown): ListenRequest | undefined {
  const named = typeof port === "number" || (typeof port === "string" && /^\d+$/.test(port));
  if (!named) return undefined;
  return {
    kind: "tcp",
    port: Number(port),
    host: typeof host === "string" && host !== "" ? host : undefined,
  };
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "::1"]);

/** Whether the socket is one that the request would have opened itself. */
export function satisfies({ place }: InheritedSocket, request: ListenRequest): boolean {
  if (place.kind === "unix") return request.kind === "unix" && request.path === place.path;
  if (place.kind === "unknown" || request.kind !== "tcp" || request.port !== place.port) return false;
  const { host } = request;
  if (host === undefined || EVERY_ADDRESS.has(host) || EVERY_ADDRESS.has(place.address)) return true;
  return host === "localhost" ? LOOPBACK.has(place.address) : host === place.address;
}
