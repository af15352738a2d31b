import { within } from "./exit.ts";
import { say } from "./words.ts";

/** What the app may take to end after it was told. Milliseconds. */
export const HOOKS_LIMIT_MS = 5_000;
/** A process that nothing keeps alive ends within this time by itself. Milliseconds. */
const NATURAL_END_MS = 1_000;

/** Windows delivers no SIGTERM, yet apps listen for it, as they do for what Ctrl+C sends. */
const TOLD_BY: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT"];
/** npm's signal-exit, which half of all tools load: it only passes on an end that comes anyway. */
const PASSES_ON = /count[\s\S]*process\d*\.kill\(process\d*\.pid/;

type Listener = (...values: unknown[]) => unknown;

const ours = new WeakSet<object>();
let told: number | undefined;

/** Marks a signal's listener of the runtime, which the app's own are told apart from. */
export function asOurs<T extends object>(listener: T): T {
  ours.add(listener);
  return listener;
}

/** The exit code with which the process is about to end, once the app was told; its libraries send themselves a signal then. */
export function toldToEndWith(): number | undefined {
  return told;
}

/**
 * Everything is answered and the process is about to end: tells the app as its platform would, once, and waits for
 * HOOKS_LIMIT_MS at the most until it ends the process itself. Its handlers of SIGTERM run, where there are none those of SIGINT,
 * then those of `beforeExit`. Whatever it ends with, the exit code is the one given here.
 */
export async function tellApp(exitCode: number): Promise<void> {
  if (told !== undefined) return;
  told = exitCode;
  process.on("exit", () => (process.exitCode = exitCode));
  const signal = TOLD_BY.find((name) => ownListeners(name).length > 0);
  if (signal !== undefined) {
    for (const listener of ownListeners(signal)) void call(signal, listener);
    // Most handlers end the process; some leave it to Node to find that nothing is left to do.
    await within(HOOKS_LIMIT_MS, new Promise(() => undefined), { keepAlive: false });
  } else if (process.listenerCount("beforeExit") > 0) {
    await within(NATURAL_END_MS, new Promise(() => undefined), { keepAlive: false });
    process.emit("beforeExit", exitCode);
    await within(NATURAL_END_MS, new Promise(() => undefined), { keepAlive: false });
  }
}

function ownListeners(name: NodeJS.Signals): Listener[] {
  const all = process.rawListeners(name) as Listener[];
  return all.filter((each) => !ours.has(each) && !PASSES_ON.test(String(each)));
}

/** What one throws keeps none of the others from being called. */
async function call(name: NodeJS.Signals, listener: Listener): Promise<void> {
  try {
    await Reflect.apply(listener, process, [name]);
  } catch (error) {
    say(`a handler of ${name} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
