import type { Loss } from "./upstream.ts";

export type AfterLoss =
  /** Nothing of it was seen by an application: wait for one that listens. */
  | "hold"
  /** On another connection, now. */
  | "send-again"
  /** Only the way in which the process ends tells whether the request was served. */
  | "await-exit"
  | "fail";

/** An idempotent request is repeated at most so often on the mere assumption that the backend has not served it. */
export const MAX_REPEATS = 3;

/**
 * What becomes of a request whose connection was lost without a response byte. A request that was never sent may always wait.
 * An idempotent one on a connection that had been idle is sent again (RFC 9112 section 9.3.1). For every other the exit
 * code decides: 0 promises that everything the application accepted was answered.
 */
export function afterLoss(loss: Loss, request: Retryable & { readonly replayable: boolean }): AfterLoss {
  if (loss.refused) return WAITABLE.has(loss.code ?? "") ? "hold" : "fail";
  if (!request.replayable) return "fail";
  return loss.reused && mayRepeat(request) ? "send-again" : "await-exit";
}

/** RFC 9110 section 9.2.2; what is unknown is taken for not idempotent. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"]);

/** Whether it may be sent again to a process that has perhaps served it already (RFC 9110 section 9.2.2). */
export function mayRepeat(request: Retryable): boolean {
  return request.idempotent && request.repeats < MAX_REPEATS;
}

interface Retryable {
  readonly idempotent: boolean;
  readonly repeats: number;
}

// Other failures to connect (no local port, no descriptor left) would not pass by waiting for the backend.
const WAITABLE: ReadonlySet<string> = new Set(["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT"]);

/**
 * What becomes of a request that was lost with its process. "certain": it was not served, so any request may go to the
 * next process, as often as it takes. "repeat": an idempotent one may.
 */
export function afterExit(code: number | null, request: Retryable): "certain" | "repeat" | "fail" {
  if (code === 0) return "certain";
  return request.idempotent && request.repeats === 0 ? "repeat" : "fail";
}
