import type { ExchangeRecord } from "../exchange-client.ts";
import type { Router } from "../exchange.ts";
import type { ClientFacts } from "../http1/forwarded.ts";

/** Time limits towards clients, milliseconds. The first two are IIS's headerWaitTimeout and connectionTimeout. */
export const CLIENT_LIMITS = {
  /** From the first byte of a request head to its last. */
  headMs: 15_000,
  /** Between two requests; for a body that stalls and for a client that does not read, see Pace. */
  idleMs: 120_000,
  /** For the request that may be on its way to an idle connection when no further one is wanted there. */
  lastRequestMs: 60,
  /** As long on a connection that is new: nobody opens one for nothing, except browsers that prepare for a click. */
  firstRequestMs: 1_000,
  /** For a client that goes on sending behind a response that closes, once all of that is written. */
  lingerMs: 2_000,
  /** As long as it does go on. */
  longestLingerMs: 30_000,
} as const;

/** How long the next request may be on its way to a connection that is idle when no further one is wanted there. */
export function onItsWayMs(asked: boolean): number {
  return asked ? CLIENT_LIMITS.lastRequestMs : CLIENT_LIMITS.firstRequestMs;
}

export interface ClientOptions {
  readonly router: Router;
  readonly facts: ClientFacts;
  /** The client is on this machine. */
  readonly local: boolean;
  /** Bytes of a request's body, as on the wire. */
  readonly maxBodyBytes: number;
  /** Bytes a second, see Pace. */
  readonly minRate: number;
  /** Tells what a boundary has caught. */
  readonly defect: (error: unknown) => void;
  /** For the access log. */
  readonly ended: ((record: ExchangeRecord, cut: boolean, client: ClientFacts) => void) | undefined;
}
