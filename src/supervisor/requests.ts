import type { Rollback, RollbackOptions } from "../deploy/rollback.ts";
import type { RolloutOutcome, SupervisorState } from "./state.ts";
import type { SwapReport } from "./swap-report.ts";

/** What the command asks a running supervisor: one line of JSON, answered by one line of JSON. */
export type ControlRequest =
  | { readonly ask: "status" }
  | { readonly ask: "reload" }
  | { readonly ask: "wait"; readonly artifact: string }
  | ({ readonly ask: "rollback" } & RollbackRequest);

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
