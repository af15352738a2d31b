import { InplaceError } from "../errors.ts";
import type { Rollback, RollbackOptions } from "../deploy/rollback.ts";
import type { RolloutOutcome, SupervisorState } from "./state.ts";
import type { SwapReport } from "./swap-report.ts";

/** What the command asks a running supervisor: one line of JSON, answered by one line of JSON. */
export type ControlRequest =
  | { readonly ask: "status" }
  | { readonly ask: "reload" }
  | { readonly ask: "wait"; readonly artifact: string }
  | ({ readonly ask: "rollback" } & RollbackRequest);

/** The request that a line is. Throws USAGE for anything else. */
export function parseRequest(line: string): ControlRequest {
  const { ask, artifact, from, force, waitMs } = fieldsOf(line);
  switch (ask) {
    case "status":
    case "reload":
      return { ask };
    case "wait":
      if (typeof artifact === "string") return { ask, artifact };
      break;
    case "rollback":
      if (typeof artifact !== "string" || typeof force !== "boolean") break;
      if (typeof waitMs !== "number" || !(from === undefined || typeof from === "string")) break;
      return { ask, artifact, from, force, waitMs };
    default:
  }
  throw new InplaceError("USAGE", "The supervisor was asked something that it does not understand.", {
    hint: "Ask with the inplace command of the version that supervises.",
  });
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {}; // What is no JSON is no request either.
  }
}

export interface ControlAnswers {
  readonly status: SupervisorStatus;
  readonly reload: { readonly reloading: string };
  readonly wait: RolloutOutcome;
  readonly rollback: Rollback;
}

/** See RollbackOptions. */
export type RollbackRequest = Pick<RollbackOptions, "artifact" | "from" | "force" | "waitMs">;

export interface SupervisorStatus {
  readonly state: SupervisorState;
  readonly pid: number;
  readonly address: string;
  readonly port: number;
  readonly front: "held" | "spliced";
  readonly workers: readonly {
    readonly pid: number;
    readonly artifact: string;
    readonly startedAt: string;
  }[];
  /** The last one that was finished. */
  readonly swap: SwapReport | undefined;
}
