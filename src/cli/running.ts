import type { SupervisorStatus } from "../supervisor/requests.ts";

/** What a supervisor runs, also the release that still drains: it may read its files. */
export function runningIn({ workers, state }: SupervisorStatus): readonly string[] {
  const draining = state.state === "draining" && state.previous !== undefined ? [state.previous] : [];
  return [...workers.map(({ artifact }) => artifact), ...draining];
}
