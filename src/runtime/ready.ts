import { SUPERVISED_ENV, type FromWorker } from "../process/worker-messages.ts";

/** Tells the supervisor that this app is ready (`supervise.explicitReady`); does nothing where nobody supervises. */
export function ready(): void {
  if (process.env[SUPERVISED_ENV] === undefined || !process.connected) return;
  const message: FromWorker = { inplace: "ready" };
  process.send?.(message, undefined, undefined, () => undefined);
}
