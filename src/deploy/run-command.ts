import { spawn as spawnChild, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import spawn from "cross-spawn";
import { createInterface } from "node:readline";

/** How many of a command's last lines an error shows. */
export const TAIL_LINES = 20;
/** Time between the polite and the forced end of a command's processes. */
const KILL_GRACE_MS = 2_000;

export interface RunOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly limitMs: number;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

export type RunEnd =
  | { readonly end: "exit"; readonly code: number; readonly tail: readonly string[] }
  /** By a signal that did not come from us. */
  | { readonly end: "killed"; readonly by: string; readonly tail: readonly string[] }
  | { readonly end: "timed-out"; readonly tail: readonly string[] }
  | { readonly end: "not-started"; readonly reason: string; readonly tail: readonly string[] };

/** A program without a shell, or a line for the system's shell. */
export type Runnable =
  | { readonly kind: "argv"; readonly file: string; readonly args: readonly string[] }
  | { readonly kind: "shell"; readonly line: string };

/**
 * Runs a command to its end, output line by line. At the time limit and on abort all its processes are killed;
 * an abort throws the signal's reason once they are gone.
 */
export async function runCommand(what: Runnable, options: RunOptions): Promise<RunEnd> {
  options.signal.throwIfAborted();
  const tail: string[] = [];
  const child = start(what, options);
  const lines = [child.stdout, child.stderr].map(async (stream) => {
    if (stream === null) return;
    for await (const line of createInterface({ input: stream })) {
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      options.onLine(line);
    }
  });
  let timedOut = false;
  const stop = (): void => void killTree(child);
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, options.limitMs);
  options.signal.addEventListener("abort", stop, { once: true });
  try {
    // "exit", not "close": a daemon that the command left behind may keep the pipes open for ever.
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    await endOfOutput(child, lines);
    options.signal.throwIfAborted();
    if (timedOut) return { end: "timed-out", tail };
    return code === null ? { end: "killed", by: signal ?? "a signal", tail } : { end: "exit", code, tail };
  } catch (error) {
    options.signal.throwIfAborted();
    return { end: "not-started", reason: error instanceof Error ? error.message : String(error), tail };
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", stop);
  }
}

function start(what: Runnable, { cwd, env }: RunOptions): ChildProcess {
  const common = {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"] as ["ignore", "pipe", "pipe"],
    windowsHide: true,
    // A process group of its own, so that the whole tree can be killed at once.
    detached: process.platform !== "win32",
  };
  return what.kind === "argv"
    ? spawn(what.file, [...what.args], common)
    : spawnChild(what.line, { ...common, shell: true });
}

/** How long output may still come after the command has ended. */
const OUTPUT_GRACE_MS = 1_000;

async function endOfOutput(child: ChildProcess, lines: readonly Promise<void>[]): Promise<void> {
  const timer = setTimeout(() => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, OUTPUT_GRACE_MS);
  await Promise.allSettled(lines);
  clearTimeout(timer);
}

/** Ends a child with all its descendants; on POSIX first SIGTERM, then SIGKILL. */
async function killTree(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  if (process.platform === "win32") {
    // Windows has no signals, and killing a parent leaves its children running.
    spawnChild("taskkill", ["/pid", String(pid), "/T", "/F"], { stdio: "ignore", windowsHide: true }).on(
      "error",
      () => child.kill(),
    );
    return;
  }
  signalGroup(pid, "SIGTERM");
  const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), KILL_GRACE_MS);
  await once(child, "exit");
  clearTimeout(timer);
  signalGroup(pid, "SIGKILL"); // What ignored SIGTERM in the group goes with its leader.
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    return; // The group is gone already.
  }
}
