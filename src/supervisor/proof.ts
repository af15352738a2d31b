import { setTimeout as delay } from "node:timers/promises";
import { untilAnswers } from "./answer.ts";
import { checkHealth } from "./health.ts";
import type { NormalHealth, NormalSuperviseOptions } from "./options.ts";
import { warmUp } from "./warm-up.ts";
import { isSecure, type PrivatePlace, type Worker } from "./worker.ts";

/** Why a worker is no good. */
export type Failure =
  | { readonly kind: "not-started"; readonly message: string }
  | { readonly kind: "exited"; readonly code: number | null; readonly signal: string | null }
  | { readonly kind: "closed" }
  | { readonly kind: "not-listening"; readonly limitMs: number; readonly elsewhere: number | undefined }
  | { readonly kind: "not-ready"; readonly limitMs: number }
  | { readonly kind: "no-answer"; readonly limitMs: number; readonly problem: string }
  | { readonly kind: "unhealthy"; readonly problem: string };

/** It ran until its time was over. */
export function isLate({ kind }: Failure): boolean {
  return kind !== "exited" && kind !== "closed" && kind !== "not-started";
}

/**
 * Waits until a worker listens, says that it is ready (if it is to say so) and answers: as `health` asks, else anything.
 * undefined: proven. Rejects with the signal's reason when that aborts.
 */
export async function prove(
  worker: Worker,
  options: NormalSuperviseOptions,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const limit = AbortSignal.timeout(options.readyMs);
  const ended = new AbortController();
  let exited: Failure | undefined;
  void worker.exited.then(({ code, signal: by }) => {
    exited = { kind: "exited", code, signal: by };
    ended.abort();
  });
  const either = AbortSignal.any([signal, limit, ended.signal]);
  let step: Failure = { kind: "not-listening", limitMs: options.readyMs, elsewhere: undefined };
  try {
    const place = await worker.heard("listening", either);
    step = { kind: "not-ready", limitMs: options.readyMs };
    if (options.explicitReady) await worker.heard("ready", either);
    if (options.health !== undefined) {
      const problem = await untilHealthy(place, options.health, either);
      if (problem !== undefined) step = { kind: "unhealthy", problem };
    } else if (options.proof === "answer") {
      const problem = await untilAnswers(worker, place, options, either);
      if (problem !== undefined) step = { kind: "no-answer", limitMs: options.readyMs, problem };
    }
    if (isSecure(place)) await warmUp(place, options.host);
    either.throwIfAborted();
    return undefined;
  } catch (error) {
    if (exited !== undefined) return exited;
    if (limit.aborted) return step.kind === "not-listening" ? { ...step, elsewhere: worker.elsewhere } : step;
    throw error;
  }
}

/** Resolves after so many good answers in a row; with the last problem when the signal aborts first. */
async function untilHealthy(
  place: PrivatePlace,
  health: NormalHealth,
  signal: AbortSignal,
): Promise<string | undefined> {
  let last: string | undefined;
  for (let good = 0; good < health.count;) {
    const problem = await aborting(checkHealth(place, health), signal);
    if (signal.aborted) return problem ?? last ?? `${health.path} did not answer in time`;
    last = problem;
    good = problem === undefined ? good + 1 : 0;
    if (good < health.count) await delay(health.intervalMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** The promise's value, or undefined as soon as the signal aborts. */
function aborting<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const stop = (): void => resolve(undefined);
    signal.addEventListener("abort", stop, { once: true });
    void promise.then(resolve).finally(() => signal.removeEventListener("abort", stop));
  });
}
