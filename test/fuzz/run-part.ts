import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import type { FromPart } from "./part-process.ts";
import type { Limits, Part } from "./part.ts";

/** No sign of a message that is done for so long means that one of them hangs. Starts and ends of live parts included. */
const HANG_MS = 400_000;
/** What a part gets to end what it has started. */
const GRACE_MS = 30_000;
const PROGRESS_WIDTH = 60;

/** How a part ended. */
export interface Ended {
  readonly done: number;
  readonly seconds: number;
  readonly outcomes: readonly (readonly [string, number])[];
  readonly finding: { readonly seed: number; readonly messages: number; readonly text: string } | undefined;
}

const running = new Set<ChildProcess>();

/** Runs a part in a process of its own, so that whatever a message does to it has its seed told. */
export async function runPart(part: Part, limits: Limits): Promise<Ended> {
  const { seed, messages, seconds, sites, hurried } = limits;
  const args = [part.name, ...[seed, messages, seconds, sites, hurried ? 1 : 0].map(String)];
  const startedAt = performance.now();
  const child = fork(fileURLToPath(new URL("part-process.js", import.meta.url)), args);
  running.add(child);
  let done = 0;
  let hung = false;
  let end: Extract<FromPart, { readonly type: "end" }> | undefined;
  const expired = (): void => {
    hung = true;
    void endChild(child);
  };
  let hang = setTimeout(expired, HANG_MS);
  child.on("message", (message: FromPart) => {
    if (message.type === "end") end = message;
    else if (message.done > done) {
      done = message.done;
      clearTimeout(hang);
      hang = setTimeout(expired, HANG_MS);
    }
    showProgress(`${part.name}: ${done} ${part.unit}`);
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  clearTimeout(hang);
  running.delete(child);
  showProgress("");
  const took = (performance.now() - startedAt) / 1000;
  if (end !== undefined && !hung) return { ...end, seconds: took };
  const what = hung
    ? `nothing came of it for ${HANG_MS / 1000} s`
    : `its process ended with ${signal ?? code}`;
  const finding = {
    seed: (seed + done) >>> 0,
    messages: 10_000,
    text: `${what}, after about ${done} ${part.unit}`,
  };
  return { done, seconds: took, outcomes: [], finding };
}

/** Ends what runs, with what it has started. */
export async function endParts(): Promise<void> {
  await Promise.all([...running].map((child) => endChild(child)));
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const last = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
  await ended;
  clearTimeout(last);
}

function showProgress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r${text.padEnd(PROGRESS_WIDTH)}\r`);
}
