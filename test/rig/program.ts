import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type { Account } from "./account.ts";
import type { Cleanup } from "./temporary-site.ts";
import { until } from "./until.ts";

const RUN_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 20_000;
/** Inherited by everything that a program of a test starts, so that what stays behind is found. */
const MARK = "INPLACE_TEST_MARK";

/** Of each test: the mark of all its programs, and how many have not been ended. All processes are looked through once, after the last. */
const started = new WeakMap<Cleanup, { readonly mark: string; left: number }>();

export interface ProgramOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Default: the one that the tests run as. */
  readonly account?: Account | undefined;
}

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs until it ends or its test ends; then nothing that it started may be left. */
export class Program {
  readonly exited: Promise<ProgramResult>;
  readonly #child: ChildProcess;
  #stdout = "";
  #stderr = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    this.exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, stdout: this.#stdout, stderr: this.#stderr }));
    });
    this.exited.catch(() => undefined); // Whoever waits for it is told.
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Both, as a terminal would show them, though not always in this order. */
  get output(): string {
    return `${this.#stdout}\n${this.#stderr}`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Ctrl+C. */
  async interrupt(): Promise<ProgramResult> {
    this.#child.kill("SIGINT");
    return this.ended(STOP_TIMEOUT_MS);
  }

  /** Its end, within a deadline; then the program is killed and what it wrote is shown. */
  async ended(withinMs = RUN_TIMEOUT_MS): Promise<ProgramResult> {
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#child.kill("SIGKILL");
        const command = this.#child.spawnargs.join(" ");
        reject(new Error(`${command}: not ended in ${withinMs} ms\n${this.#stdout}\n${this.#stderr}`));
      }, withinMs);
    });
    try {
      return await Promise.race([this.exited, expired]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Starts a program without a shell. After the test, whatever of it still runs is killed, and the test fails for it. */
export function startProgram(
  t: Cleanup,
  command: string,
  args: readonly string[],
  options: ProgramOptions,
): Program {
  const programs = started.get(t) ?? { mark: randomUUID(), left: 0 };
  started.set(t, programs);
  const { mark } = programs;
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, ...options.env, [MARK]: mark };
  const stdio: StdioOptions = ["ignore", "pipe", "pipe"];
  const child = spawn(command, args, { cwd: options.cwd, env, stdio, ...options.account });
  const program = new Program(child);
  programs.left += 1;
  t.after(async () => {
    try {
      if (program.running) await program.interrupt();
    } finally {
      programs.left -= 1;
      if (programs.left === 0) await assertNothingLeft(mark);
    }
  });
  return program;
}

/** Runs a program to its end. */
export function runProgram(
  t: Cleanup,
  command: string,
  args: readonly string[],
  options: ProgramOptions & { readonly timeoutMs?: number },
): Promise<ProgramResult> {
  return startProgram(t, command, args, options).ended(options.timeoutMs);
}

async function assertNothingLeft(mark: string): Promise<void> {
  try {
    await until("what the test started has ended", async () => (await marked(mark)).length === 0);
  } catch (error) {
    const left = await marked(mark);
    for (const { pid } of left) process.kill(pid, "SIGKILL");
    const list = left.map(({ pid, command }) => `${pid} ${command}`).join("\n");
    throw new Error(`Left behind by a test:\n${list}`, { cause: error });
  }
}

/** Only Linux shows the environment of other processes; elsewhere nothing is found. */
async function marked(mark: string): Promise<{ pid: number; command: string }[]> {
  if (process.platform !== "linux") return [];
  const found: { pid: number; command: string }[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await readFile(`/proc/${name}/environ`, "utf8").catch(() => ""); // Gone, or not ours.
    if (!environment.includes(`${MARK}=${mark}`)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
    found.push({ pid: Number(name), command: command.replaceAll("\0", " ") });
  }
  return found;
}
