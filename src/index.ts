export { ERROR_CODES, EXIT, InplaceError, type ErrorCode, type ExitCode } from "./errors.ts";
export { attach, type AttachedServer, type AttachOptions } from "./runtime/attach.ts";
export { ready } from "./runtime/ready.ts";
export type { DrainHooks } from "./runtime/app-process.ts";
export { drainConnections, recallDrain, stoppable, type StoppableServer } from "./listener/stoppable.ts";
export type { AcceptDrain, RequestHead, StoppableOptions } from "./listener/options.ts";
export type { ConnectionKind, Cut, DrainReport } from "./listener/report.ts";
