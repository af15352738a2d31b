import { asInplaceError, ERROR_CODES } from "../errors.ts";
import type { CliEvent } from "../events.ts";

/** What nobody caught, for the log: INTERNAL, with the place where it was thrown. */
export function defectEvent(error: unknown): CliEvent {
  const { message } = asInplaceError(error);
  const stack = error instanceof Error ? error.stack : undefined;
  return { type: "command-failed", code: "INTERNAL", message, hint: ERROR_CODES.INTERNAL.hint, stack };
}
