import { execFile } from "node:child_process";
import { promisify } from "node:util";

const PROGRAM = "systemd-notify";
/** It waits until systemd has taken the message; one that hangs must not hold up the app's end. */
const NOTIFY_LIMIT_MS = 2_000;

/** Tells systemd how the service is; does nothing where no systemd asked to be told. */
export interface SystemdNotifier {
  ready(status: string): void;
  stopping(status: string): void;
  /** Resolves when systemd has taken what it was told: an end before READY=1 counts as a failed start. */
  told(): Promise<unknown>;
}

const NOBODY: SystemdNotifier = {
  ready: () => undefined,
  stopping: () => undefined,
  told: () => Promise.resolve(),
};

/**
 * sd_notify(3) without an addon: Node cannot send to a Unix datagram socket, so the program systemd-notify does, and
 * the unit needs NotifyAccess=all. The watchdog is fed from the event loop, so a loop that hangs starves it.
 * Not possible this way: handing descriptors to systemd (FDSTORE=1) before its version 254.
 * The variables are removed, so that no child of the app speaks for it.
 */
export function systemdNotifier(env: NodeJS.ProcessEnv = process.env): SystemdNotifier {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: watchdog } = env;
  for (const key of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) Reflect.deleteProperty(env, key);
  if (socket === undefined || socket === "") return NOBODY;
  let told: Promise<unknown> = Promise.resolve();
  const notify = (...assignments: readonly string[]): void => {
    // One after the other. A failure is no reason for a site to stop; systemd's own time limits then say so.
    const own = { env: { ...env, NOTIFY_SOCKET: socket }, timeout: NOTIFY_LIMIT_MS };
    told = told.then(() => promisify(execFile)(PROGRAM, assignments, own)).catch(() => undefined);
  };
  let last: readonly string[] = [];
  const say = (state: string, status: string): void => {
    last = [state, `STATUS=${oneLine(status)}`];
    notify(...last);
  };
  const beatMs = Number(watchdog) / 2_000;
  // Each beat says again what was said last: a READY=1 that a busy machine lost would end a service that serves.
  if (beatMs >= 1) setInterval(() => notify(...last, "WATCHDOG=1"), beatMs).unref();
  return {
    ready: (status) => say("READY=1", status),
    stopping: (status) => say("STOPPING=1", status),
    told: () => told,
  };
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
