/** What a connection, or a stream of an http2 session, was doing. */
export type ConnectionKind =
  /** Never sent a byte: a preconnect. */
  | "unused"
  | "handshake"
  /** Between two requests. */
  | "idle"
  /** A request head half received. */
  | "head"
  | "request"
  | "event-stream"
  | "long-poll"
  | "websocket"
  /** Upgraded to something else, or a CONNECT tunnel. */
  | "upgrade"
  | "http2"
  /** Of a server that speaks neither http nor http2. */
  | "tcp";

/** One thing that the deadline ended. */
export interface Cut {
  readonly kind: ConnectionKind;
  /** Since its request began; without one, since its connection was opened. */
  readonly ageMs: number;
  readonly method?: string;
  /** Without the query, which may hold secrets. */
  readonly path?: string;
}

/** What a drain did; plain data. */
export interface DrainReport {
  readonly durationMs: number;
  /** Requests answered whole from the beginning of stop to its end. */
  readonly served: number;
  /** Connections open when stop began, by kind; of an http2 session's streams nothing is counted here. */
  readonly connections: Readonly<Partial<Record<ConnectionKind, number>>>;
  /** Connections accepted since. */
  readonly accepted: number;
  readonly cut: readonly Cut[];
}

/** The part of a cut that names its request. */
export function requestLine(
  method: string | undefined,
  url: string | undefined,
): Pick<Cut, "method" | "path"> {
  return {
    ...(method === undefined ? {} : { method }),
    ...(url === undefined ? {} : { path: url.split("?", 1)[0] ?? "" }),
  };
}
