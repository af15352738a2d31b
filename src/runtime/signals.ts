import { constants } from "node:os";
import { asOurs, toldToEndWith } from "./tell-app.ts";

/**
 * A signal to a process group or a service reaches the app twice: itself, and forwarded by the launcher. Copies come
 * within this time, milliseconds; only a later signal is a second one. Without a launcher there are no copies.
 */
const ECHO_MS = 500;

/** Calls stop at the first signal, exit (with 128 + its number) at the second. */
export function onSignals(
  signals: readonly NodeJS.Signals[],
  launched: boolean,
  stop: (signal: NodeJS.Signals) => void,
  exit: (code: number) => void,
): void {
  const echoMs = launched ? ECHO_MS : 0;
  let first: number | undefined;
  for (const signal of signals) {
    const listener = (): void => {
      const now = performance.now();
      const told = toldToEndWith();
      if (told !== undefined) {
        exit(told);
      } else if (first === undefined) {
        first = now;
        stop(signal);
      } else if (now - first >= echoMs) exit(128 + constants.signals[signal]);
    };
    process.on(signal, asOurs(listener));
  }
}

/** Calls back when standard input is closed; keeps no process alive. */
export function onStdinEnd(ended: () => void): void {
  const stdin: NodeJS.ReadStream & { unref?: () => void } = process.stdin;
  stdin.on("end", ended).resume();
  stdin.unref?.();
}
