import { isatty } from "node:tty";
import { EXIT, InplaceError } from "../errors.ts";

// SIGHUP is also what Windows sends when the console window is closed; SIGBREAK is Ctrl+Break there.
const SIGNALS: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];

/**
 * The first signal aborts with INTERRUPTED, the second exits at once. `close` gives the signals back. A SIGHUP is such a
 * signal where there is a terminal to hang up: nohup takes the terminal from a program, and Node, which undoes that nohup
 * has SIGHUP ignored, leaves no other trace of it. hangup: false, then SIGHUP is the caller's alone, but on Windows.
 */
export function onInterrupt({ hangup = true } = {}): { readonly signal: AbortSignal; close(): void } {
  const controller = new AbortController();
  const interrupt = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort(new InplaceError("INTERRUPTED", `Interrupted by ${name}.`));
  };
  const hangUp = hangsUp(hangup) ? interrupt : (): void => undefined;
  for (const name of SIGNALS) process.on(name, interrupt);
  process.on("SIGHUP", hangUp);
  return {
    signal: controller.signal,
    close: () => {
      for (const name of SIGNALS) process.off(name, interrupt);
      process.off("SIGHUP", hangUp);
    },
  };
}

/** nohup of BSD and macOS leaves the input, hence what shells say of the command that they run. */
function hangsUp(wanted: boolean): boolean {
  if (process.platform === "win32") return true;
  return (
    wanted &&
    [0, 1, 2].some((descriptor) => isatty(descriptor)) &&
    !/(?:^|\/)nohup$/.test(process.env["_"] ?? "")
  );
}
