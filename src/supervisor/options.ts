import type { HealthConfig, SuperviseConfig } from "../config/supervise.ts";
import { InplaceError } from "../errors.ts";
import { DEFAULT_HOST } from "../site-host.ts";
import { canHoldSocket } from "./held-socket.ts";

/** Timers take no more. */
export const LONGEST_MS = 2 ** 31 - 1;
export const DEFAULT_WORKERS = 1;
export const DEFAULT_PROOF = "answer";
/** From the start of a worker until it has to be ready. */
export const DEFAULT_READY_MS = 30_000;
/** Health is asked for this often while a worker is not ready yet. */
export const DEFAULT_PROVING_INTERVAL_MS = 50;
/** And this often while it is on probation. */
export const DEFAULT_PROBATION_INTERVAL_MS = 1_000;
export const DEFAULT_ANSWER_MS = 5_000;
export const DEFAULT_GOOD_ANSWERS = 1;
export const DEFAULT_PROBATION_MS = 10_000;
export const DEFAULT_DRAIN_MS = 30_000;

/** On Windows a listener that closes can lose a connection that it has taken in advance; a spliced front closes none. */
export const DEFAULT_FRONT = process.platform === "win32" ? "spliced" : "held";

export interface NormalHealth {
  readonly host: string;
  readonly path: string;
  readonly status: number | undefined;
  readonly body: string | undefined;
  readonly count: number;
  readonly answerMs: number;
  readonly intervalMs: number;
}

export interface NormalSuperviseOptions {
  /** What checks ask for. */
  readonly host: string;
  readonly workers: number;
  readonly health: NormalHealth | undefined;
  readonly explicitReady: boolean;
  /** What a worker has to do, without `health`, to be taken for ready: answer GET /, or only listen. */
  readonly proof: "answer" | "listen";
  /** A handler stands before it that forwards HTTP/1 and nothing else: no other server gets visitors. */
  readonly httpOnly: boolean;
  readonly readyMs: number;
  readonly probationMs: number;
  readonly drainMs: number;
  readonly front: "held" | "spliced";
  readonly socket: "private-port" | "inherit";
}

/** Throws CONFIG_INVALID. */
export function normalizeSupervise(options: SuperviseConfig = {}): NormalSuperviseOptions {
  if (options.socket === "inherit" && process.platform === "win32") {
    throw new InplaceError("CONFIG_INVALID", "supervise.socket: Windows passes no sockets to programs.", {
      hint: 'Leave it at "private-port".',
    });
  }
  const host = options.host ?? DEFAULT_HOST;
  return {
    host,
    workers: options.workers ?? DEFAULT_WORKERS,
    health: options.health === undefined ? undefined : normalizeHealth(options.health, host),
    explicitReady: options.explicitReady ?? false,
    proof: options.proof ?? DEFAULT_PROOF,
    httpOnly: false,
    readyMs: options.readyMs ?? DEFAULT_READY_MS,
    probationMs: options.probationMs ?? DEFAULT_PROBATION_MS,
    drainMs: options.drainMs ?? DEFAULT_DRAIN_MS,
    // Where this Node cannot hold a socket there is no choice.
    front: canHoldSocket() ? (options.front ?? DEFAULT_FRONT) : "spliced",
    socket: options.socket ?? "private-port",
  };
}

function normalizeHealth(health: HealthConfig, host: string): NormalHealth {
  return {
    host,
    path: health.path,
    status: health.status,
    body: health.body,
    count: health.count ?? DEFAULT_GOOD_ANSWERS,
    answerMs: health.answerMs ?? DEFAULT_ANSWER_MS,
    intervalMs: health.intervalMs ?? DEFAULT_PROVING_INTERVAL_MS,
  };
}
