import type { Exchange, Holder } from "./exchange.ts";
import type { Failure } from "./failure.ts";
import { guarded } from "./proxy/boundary.ts";

export interface HoldLimits {
  /** Milliseconds a request waits for a backend, all its waits together. */
  readonly timeMs: number;
  /** Requests that wait at the same time. */
  readonly requests: number;
}

/** Enough for a start of five seconds at a thousand requests a second; one costs some ten kilobytes. */
export const HOLD_LIMITS: HoldLimits = { timeMs: 30_000, requests: 5_000 };

/** Requests that wait until a backend can take them, in the order of their arrival. */
export class HoldQueue implements Holder {
  readonly #limits: HoldLimits;
  readonly #waiting = new Set<Exchange>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: HoldLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Holds it, or answers 503 where the queue is full or its time is over. */
  hold(exchange: Exchange): void {
    if (exchange.heldUntil === 0) exchange.heldUntil = Date.now() + this.#limits.timeMs;
    if (this.#waiting.size >= this.#limits.requests) {
      exchange.fail(busy("Too many requests wait for the application to start."));
    } else if (Date.now() >= exchange.heldUntil) {
      exchange.fail(LATE);
    } else {
      this.#waiting.add(exchange);
      exchange.holder = this;
      this.#arm();
    }
  }

  withdraw(exchange: Exchange): void {
    this.#waiting.delete(exchange);
  }

  /** Takes out the one that has waited longest. */
  next(): Exchange | undefined {
    for (const exchange of this.#waiting) {
      this.#waiting.delete(exchange);
      return exchange;
    }
    return undefined;
  }

  /** Takes everything out, in order. */
  release(): Exchange[] {
    const released = [...this.#waiting];
    this.#waiting.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return released;
  }

  failAll(failure: Failure): void {
    for (const exchange of this.release()) guarded(exchange, () => exchange.fail(failure));
  }

  // One timer for the one that ends first; those that were put back keep their earlier end, so look at all.
  #arm(): void {
    if (this.#timer !== undefined || this.#waiting.size === 0) return;
    let first = Number.POSITIVE_INFINITY;
    for (const { heldUntil } of this.#waiting) first = Math.min(first, heldUntil);
    this.#timer = setTimeout(() => this.#expire(), Math.max(0, first - Date.now()));
  }

  #expire(): void {
    this.#timer = undefined;
    const now = Date.now();
    for (const exchange of this.#waiting) {
      if (exchange.heldUntil > now) continue;
      this.#waiting.delete(exchange);
      guarded(exchange, () => exchange.fail(LATE));
    }
    this.#arm();
  }
}

const LATE = busy("The application did not become ready in time.");

function busy(reason: string): Failure {
  return { status: 503, substatus: 0, reason, retryAfter: 1 };
}
