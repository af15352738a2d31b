import type { Server, Socket } from "node:net";

/** For what is open when stop begins; a request gets all of it. */
export const DEFAULT_DEADLINE_MS = 30_000;
/** How long a connection whose peer may just be sending its next request is kept for it. */
export const DEFAULT_LINGER_MS = 60;
/** So long clients count on an idle connection, where the server's own keepAliveTimeout is not shorter. */
export const LONGEST_KEPT_MS = 5_000;
/** After our FIN: how long a silent peer is read from before the connection is freed. One that is there closes at once. */
export const DEFAULT_HALF_CLOSE_MS = 1_000;
/** From the closing handshake (1001) to the FIN. */
export const DEFAULT_WEB_SOCKET_DEADLINE_MS = 5_000;
/** An app that ends its streams on `draining` needs none of it. */
export const DEFAULT_EVENT_STREAM_DEADLINE_MS = 1_000;
/** Then a long poll is answered in a way on which its client polls again. */
export const DEFAULT_LONG_POLL_DEADLINE_MS = 1_000;
/** From stop to the closing handshake of a WebSocket whose peer goes on sending. */
export const DEFAULT_WEB_SOCKET_ANSWER_MS = 500;
/** A TLS handshake takes two round trips; one that stands still for longer is not waited for. */
export const DEFAULT_HANDSHAKE_MS = 1_000;
/** One connection is accepted a turn, and a listening socket queues 511 by default. */
export const DEFAULT_ACCEPT_TURNS = 2_048;
/** A queue that has not emptied by then is filled faster than it is served. */
export const DEFAULT_ACCEPT_MS = 5_000;

/** What a timer of Node can hold, 24 days; it stands for Infinity. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** Bounds of accepting what the kernel has queued before the listening socket closes. */
export interface AcceptDrain {
  readonly maxTurns: number;
  readonly maxMs: number;
}

/** All times in milliseconds, counted from the beginning of stop where nothing else is said; Infinity switches one off. */
export interface StoppableOptions {
  /** What is still open then is destroyed and reported as cut. Default 30,000. */
  readonly deadlineMs?: number;
  /** Kept open for a further request: after a response, and where one was expected a moment ago. Default 60. */
  readonly lingerMs?: number;
  /** Reading from a silent peer between our FIN and freeing the connection. Default 1,000. */
  readonly halfCloseMs?: number;
  /** Accept what waits in the kernel's queue; false where another process accepts from the same queue. Default true. */
  readonly acceptDrain?: boolean | Partial<AcceptDrain>;
  /**
   * Nobody else accepts from this socket until the process has ended, and what waits there is not lost: as with a socket of
   * systemd. Then connections are accepted for as long as one from before stop is open, and those are kept for a further
   * request as long as clients count on them; lingerMs and acceptDrain are without meaning. Default false.
   */
  readonly keepAccepting?: boolean;
  /**
   * The server goes on listening: connections of before are drained, later ones are left alone, unless `only` says that
   * they are drained. acceptDrain and keepAccepting are without meaning. Default false.
   */
  readonly keepListening?: boolean;
  /**
   * Only these connections are drained, also of those that come later; the others are left as they are. Asked with
   * the TCP socket, also where TLS or http2 is spoken over it. Default: all.
   */
  readonly only?: (socket: Socket) => boolean;
  /**
   * A WebSocket from which something was read a moment ago is told that the server goes away once nothing has come for 30 ms,
   * at the latest after this, so that what is on its way is answered. Default 500.
   */
  readonly webSocketAnswerMs?: number;
  /** WebSockets and other upgraded connections get a FIN then. Default 5,000. */
  readonly webSocketDeadlineMs?: number;
  /** Event streams are ended then, also those that have sent nothing yet. Default 1,000. */
  readonly eventStreamDeadlineMs?: number;
  /**
   * Long polls are answered then, in a way that their clients take for normal; those of engine.io and SignalR, whose session
   * ends with the process, at once. Default 1,000.
   */
  readonly longPollDeadlineMs?: number;
  /** A TLS handshake that stands still for so long is closed. Default 1,000. */
  readonly handshakeMs?: number;
  /** A GET request that had waited for so long when stop began, and has sent nothing, is a long poll too. Default: off (Infinity). */
  readonly longPollAfterMs?: number;
  /** Which other requests are long polls, beside `Prefer: wait=N` (RFC 7240) and those of engine.io and SignalR. Default: none. */
  readonly isLongPoll?: (request: RequestHead) => boolean;
}

/** What http and http2 requests have in common. */
export interface RequestHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface DrainOptions {
  readonly deadlineMs: number;
  readonly lingerMs: number;
  readonly halfCloseMs: number;
  readonly acceptDrain: AcceptDrain | undefined;
  readonly keepAccepting: boolean;
  readonly keepListening: boolean;
  readonly only: ((socket: Socket) => boolean) | undefined;
  readonly webSocketAnswerMs: number;
  readonly webSocketDeadlineMs: number;
  readonly eventStreamDeadlineMs: number;
  readonly longPollDeadlineMs: number;
  readonly longPollAfterMs: number;
  readonly handshakeMs: number;
  readonly isLongPoll: (request: RequestHead) => boolean;
}

export function normalizeOptions(options: StoppableOptions = {}): DrainOptions {
  const { keepListening = false } = options;
  return {
    deadlineMs: duration("deadlineMs", options.deadlineMs, DEFAULT_DEADLINE_MS),
    lingerMs: duration("lingerMs", options.lingerMs, DEFAULT_LINGER_MS),
    halfCloseMs: duration("halfCloseMs", options.halfCloseMs, DEFAULT_HALF_CLOSE_MS),
    acceptDrain: acceptBounds(options.acceptDrain),
    keepAccepting: !keepListening && (options.keepAccepting ?? false),
    keepListening,
    only: options.only,
    webSocketAnswerMs: duration("webSocketAnswerMs", options.webSocketAnswerMs, DEFAULT_WEB_SOCKET_ANSWER_MS),
    webSocketDeadlineMs: duration(
      "webSocketDeadlineMs",
      options.webSocketDeadlineMs,
      DEFAULT_WEB_SOCKET_DEADLINE_MS,
    ),
    eventStreamDeadlineMs: duration(
      "eventStreamDeadlineMs",
      options.eventStreamDeadlineMs,
      DEFAULT_EVENT_STREAM_DEADLINE_MS,
    ),
    longPollDeadlineMs: duration(
      "longPollDeadlineMs",
      options.longPollDeadlineMs,
      DEFAULT_LONG_POLL_DEADLINE_MS,
    ),
    handshakeMs: duration("handshakeMs", options.handshakeMs, DEFAULT_HANDSHAKE_MS),
    longPollAfterMs: duration("longPollAfterMs", options.longPollAfterMs, Infinity),
    isLongPoll: options.isLongPoll ?? (() => false),
  };
}

/** How long clients count on an idle connection, milliseconds: closing it sooner may cross a request on its way. */
export function keptMs(server: Server): number {
  const { keepAliveTimeout } = server as { readonly keepAliveTimeout?: number };
  return Math.min(keepAliveTimeout || LONGEST_KEPT_MS, LONGEST_KEPT_MS);
}

function acceptBounds(value: StoppableOptions["acceptDrain"]): AcceptDrain | undefined {
  if (value === false) return undefined;
  const bounds = value === undefined || value === true ? {} : value;
  return {
    maxTurns: duration("acceptDrain.maxTurns", bounds.maxTurns, DEFAULT_ACCEPT_TURNS),
    maxMs: duration("acceptDrain.maxMs", bounds.maxMs, DEFAULT_ACCEPT_MS),
  };
}

function duration(name: string, value: number | undefined, fallback: number): number {
  const chosen = value ?? fallback;
  if (typeof chosen !== "number" || Number.isNaN(chosen) || chosen < 0) {
    throw new RangeError(`${name} is ${String(value)}; it has to be a number of at least 0.`);
  }
  return Math.min(chosen, LONGEST_TIMER_MS);
}
