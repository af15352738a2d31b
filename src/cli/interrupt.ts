import { EXIT, InplaceError } from "../errors.ts";

// SIGHUP is also what Windows sends when the console window is closed; SIGBREAK is Ctrl+Break there.
const SIGNALS: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGINT", "SIGBREAK", "SIGHUP"] : ["SIGINT", "SIGTERM", "SIGHUP"];

/** The first signal aborts with INTERRUPTED, the second exits at once. `close` gives the signals back. hangup: SIGHUP too. */
export function onInterrupt({ hangup = true } = {}): { readonly signal: AbortSignal; close(): void } {
  const controller = new AbortController();
  const signals = SIGNALS.filter((name) => hangup || name !== "SIGHUP" || process.platform === "win32");
  const interrupt = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort(new InplaceError("INTERRUPTED", `Interrupted by ${name}.`));
  };
  for (const name of signals) process.on(name, interrupt);
  return {
    signal: controller.signal,
    close: () => {
      for (const name of signals) process.off(name, interrupt);
    },
  };
}
