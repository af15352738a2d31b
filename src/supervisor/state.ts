import { errorIn } from "../process/output-tail.ts";
import type { Failure } from "./proof.ts";
import type { SwapReport } from "./swap-report.ts";

/**
 * What the supervisor is doing.
 *
 *     idle ──▶ starting ──▶ proving ──▶ switching ──▶ draining ──▶ serving ──▶ starting …
 *                  │            │            │            │            │
 *                  └────────────┴────────────┴────────────┴──▶ fallen-back ──▶ starting …
 *                                                                      any ──▶ stopping
 *
 * A newer release takes the place of one that is starting or proving, and ends the probation (draining) of one that is
 * live. A worker that dies while serving is replaced without leaving the state; see CrashPolicy.
 */
export type SupervisorState =
  /** There is nothing to run. */
  | { readonly state: "idle" }
  | {
      readonly state: "starting" | "proving" | "switching";
      readonly artifact: string;
      /** Serves meanwhile. */
      readonly live: string | undefined;
    }
  /** The new release serves, on probation; the old one finishes what it has and is parked. */
  | { readonly state: "draining"; readonly artifact: string; readonly previous: string | undefined }
  | { readonly state: "serving"; readonly artifact: string }
  /** The artifact serves on, or again. */
  | {
      readonly state: "fallen-back";
      readonly artifact: string | undefined;
      readonly failed: string;
      readonly reason: string;
    }
  | { readonly state: "stopping" };

/** How a rollout ended. */
export type RolloutOutcome =
  | { readonly result: "live"; readonly artifact: string; readonly swap: SwapReport | undefined }
  | {
      readonly result: "failed";
      readonly artifact: string;
      readonly reason: string;
      readonly output: readonly string[];
      readonly live: string | undefined;
    }
  | { readonly result: "superseded"; readonly artifact: string; readonly by: string };

/** A failure in words, for the history and for people; with the error that the output names, if the process ended by itself. */
export function describeFailure(failure: Failure, output: readonly string[] = []): string {
  const error = failure.kind === "exited" ? errorIn(output) : undefined;
  return error === undefined ? inWords(failure) : `${inWords(failure)}: ${error}`;
}

function inWords(failure: Failure): string {
  switch (failure.kind) {
    case "not-started":
      return failure.message;
    case "exited":
      return failure.signal === null
        ? `it ended with exit code ${failure.code}`
        : `it was ended by ${failure.signal}`;
    case "closed":
      return "it closed its port, and lived on";
    case "not-listening":
      return `it did not listen on PORT within ${failure.limitMs} ms${
        failure.elsewhere === undefined ? "" : `, but on port ${failure.elsewhere}`
      }`;
    case "not-ready":
      return `it did not say that it is ready within ${failure.limitMs} ms`;
    case "no-answer":
      return `${failure.problem} (for ${failure.limitMs} ms)`;
    case "unhealthy":
      return failure.problem;
    default:
      return failure satisfies never;
  }
}
