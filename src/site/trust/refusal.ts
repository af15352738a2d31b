import { InplaceError, type ErrorCode } from "../../errors.ts";

const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  "ARTIFACT_ALTERED",
  "ARTIFACT_UNSIGNED",
  "ARTIFACT_INCOMPLETE",
  "NOT_A_PROGRAM",
]);

/** Whether it says that an artifact must not run; every other error says only that it could not be looked at. */
export function isRefusal(error: unknown): error is InplaceError {
  return error instanceof InplaceError && REFUSALS.has(error.code);
}
