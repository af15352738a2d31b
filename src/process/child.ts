import { spawn, type ChildProcess, type IOType } from "node:child_process";
import { once } from "node:events";
import { InplaceError } from "../errors.ts";
import type { SpawnCall } from "./command.ts";
import { OutputTail } from "./output-tail.ts";
import { TREE_SPAWN_OPTIONS, killOrphans, killTree, terminateTree, treeLives } from "./tree.ts";

/** How long a stopped child may take before its tree is killed, milliseconds. The module's shutdownTimeLimit. */
export const STOP_LIMIT_MS = 10_000;
const TREE_POLL_MS = 20;
/** What a child leaves behind that was asked to stop, and has stopped, is told to end and may take so long. Milliseconds. */
const LEFT_LIMIT_MS = 5_000;

export interface ChildOptions {
  readonly call: SpawnCall;
  readonly cwd: string;
  /** The whole environment of the child. */
  readonly env: NodeJS.ProcessEnv;
  /** Handles from number 3 on: "ipc", or descriptors to inherit. */
  readonly extraStdio?: readonly (IOType | "ipc" | number)[];
  /** The process has ended and everything it wrote has been handed over. */
  readonly onClose?: () => void;
  readonly onOutput?: ((chunk: Buffer, stream: "stdout" | "stderr") => void) | undefined;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export type ChildState =
  | { readonly kind: "running" }
  /** Asked to stop; its tree is killed when the limit is over. */
  | { readonly kind: "stopping"; readonly exited: Promise<Exit> }
  | { readonly kind: "exited"; readonly exit: Exit };

/** One child process together with everything it starts. running → stopping → exited, or running → exited by itself. */
export class Child {
  readonly pid: number;
  readonly process: ChildProcess;
  readonly exited: Promise<Exit>;
  /** What it wrote last, both streams. */
  readonly output = new OutputTail();
  #state: ChildState = { kind: "running" };
  /** Nothing is left to wait for. */
  #killed = false;

  /** Takes a process that has been spawned. */
  constructor(process: ChildProcess, pid: number, onOutput: ChildOptions["onOutput"]) {
    this.process = process;
    this.pid = pid;
    for (const stream of ["stdout", "stderr"] as const) {
      process[stream]?.on("data", (chunk: Buffer) => {
        this.output.add(chunk);
        onOutput?.(chunk, stream);
      });
    }
    this.exited = new Promise((resolve) => {
      process.once("exit", (code, signal) => {
        const exit = { code, signal };
        const stopping = this.#state.kind === "stopping";
        this.#state = { kind: "exited", exit };
        // Like the module: the end of the process that was started is the end of everything it started.
        if (!stopping) killOrphans(pid);
        resolve(exit);
      });
    });
  }

  get state(): ChildState {
    return this.#state;
  }

  /**
   * Stops it gracefully: `ask` first if given (true: it was told), else SIGTERM to the tree, or closing stdin where
   * there is no SIGTERM; what is left after the limit is killed. A second call gives the same promise.
   */
  stop(limitMs: number = STOP_LIMIT_MS, ask?: () => Promise<boolean>): Promise<Exit> {
    switch (this.#state.kind) {
      case "exited":
        return this.exited;
      case "stopping":
        return this.#state.exited;
      case "running": {
        const exited = this.#stop(Date.now() + limitMs, ask);
        this.#state = { kind: "stopping", exited };
        return exited;
      }
      default:
        return this.#state satisfies never;
    }
  }

  /** Ends the whole tree now. */
  kill(): Promise<Exit> {
    if (this.#state.kind !== "exited") killTree(this.pid);
    this.#killed = true;
    return this.exited;
  }

  async #stop(deadline: number, ask: (() => Promise<boolean>) | undefined): Promise<Exit> {
    const timer = setTimeout(() => killTree(this.pid), Math.max(0, deadline - Date.now()));
    try {
      const asked = ask !== undefined && (await ask());
      if (!asked && !terminateTree(this.pid)) this.process.stdin?.end();
      const exit = await this.exited;
      // The others of its tree have not been told yet.
      if (asked) terminateTree(this.pid);
      await this.#treeEnds(asked ? Math.min(deadline, Date.now() + LEFT_LIMIT_MS) : deadline);
      return exit;
    } finally {
      clearTimeout(timer);
      killOrphans(this.pid);
    }
  }

  /** A launcher may die of the signal while the program that it started still drains. */
  async #treeEnds(deadline: number): Promise<void> {
    while (!this.#killed && treeLives(this.pid) && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, TREE_POLL_MS));
    }
  }
}

/** Spawns; rejects with START_FAILED where the program cannot be started at all. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { call, cwd, env } = options;
  try {
    const child = spawn(call.file, call.args, {
      cwd,
      env,
      stdio: ["pipe", "pipe", "pipe", ...(options.extraStdio ?? [])],
      windowsVerbatimArguments: call.verbatim,
      ...(call.verbatim ? { argv0: `"${call.file}"` } : {}),
      ...TREE_SPAWN_OPTIONS,
    });
    // A child that ends while we write to its stdin is no failure of ours.
    child.stdin?.on("error", () => undefined);
    if (child.pid === undefined) throw (await once(child, "error"))[0] as Error;
    // Within the turn of the start: whoever ends this process may ask for the child's end from now on.
    if (options.onClose !== undefined) child.once("close", options.onClose);
    return new Child(child, child.pid, options.onOutput);
  } catch (cause) {
    // Most failures are events; an environment that is too large (E2BIG) is thrown.
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new InplaceError("START_FAILED", `${call.file} cannot be started: ${message}.`, { cause });
  }
}
