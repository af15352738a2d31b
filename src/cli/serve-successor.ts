import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Server } from "node:net";
import { InplaceError } from "../errors.ts";

/** In the environment of a successor: how many handlers went before it. */
const GENERATION_ENV = "INPLACE_SERVE_GENERATION";
/** A handler that fails and fails again is for whoever started the first. */
const MOST_GENERATIONS = 3;
/** From the start of a successor until it serves. Milliseconds. */
const START_LIMIT_MS = 15_000;

/** listener: with one of `of` sockets. stop: gracefully. */
type ToSuccessor = { readonly inplace: "listener"; readonly of: number } | { readonly inplace: "stop" };
/** ready: it takes the sockets now. serving: it accepts on them. */
type FromSuccessor = { readonly inplace: "ready" | "serving" };

/**
 * A handler that went on in place of this one, with this one's listening sockets. The process that was started first stays and
 * keeps it: it passes a stop on, and ends as it ends.
 */
export class ServeSuccessor {
  readonly #child: ChildProcess;
  /** Its exit code; 1 where a signal ended it. */
  readonly exited: Promise<number>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = once(child, "exit").then(([code]) => (code as number | null) ?? 1);
  }

  /** Resolves when it accepts visitors; undefined where it does not, or this one has too many predecessors. */
  static async start(listeners: readonly Server[]): Promise<ServeSuccessor | undefined> {
    const generation = Number(process.env[GENERATION_ENV] ?? 0) + 1;
    const [, program, ...args] = process.argv;
    if (generation > MOST_GENERATIONS || program === undefined) return undefined;
    const child = fork(program, args, {
      env: { ...process.env, [GENERATION_ENV]: String(generation) },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      // Ctrl+C in a terminal is for its keeper, who passes it on: twice would be at once.
      detached: true,
    });
    const successor = new ServeSuccessor(child);
    const limit = AbortSignal.timeout(START_LIMIT_MS);
    try {
      await heard(child, "ready", limit);
      for (const listener of listeners) child.send({ inplace: "listener", of: listeners.length }, listener);
      await heard(child, "serving", limit);
      return successor;
    } catch {
      successor.kill();
      return undefined;
    }
  }

  stop(): void {
    if (this.#child.connected) this.#child.send({ inplace: "stop" } satisfies ToSuccessor);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

async function heard(child: ChildProcess, what: FromSuccessor["inplace"], limit: AbortSignal): Promise<void> {
  const gone = new AbortController();
  const ended = (): void => gone.abort();
  child.once("exit", ended).once("error", ended);
  const signal = AbortSignal.any([limit, gone.signal]);
  for (let told: FromSuccessor["inplace"] | undefined; told !== what;) {
    const [message] = (await once(child, "message", { signal })) as [FromSuccessor];
    told = message.inplace;
  }
  child.off("exit", ended).off("error", ended);
}

/** What a successor knows of its keeper; undefined in a process that is none. */
export function keeper(): Keeper | undefined {
  return process.env[GENERATION_ENV] !== undefined && process.send !== undefined ? new Keeper() : undefined;
}

export class Keeper {
  readonly #asked = new AbortController();

  constructor() {
    const stop = (): void => this.#asked.abort();
    process.on("message", (message: ToSuccessor) => {
      if (message.inplace === "stop") stop();
    });
    process.once("disconnect", stop);
    if (!process.connected) stop();
  }

  /** Aborts when it asks for a stop, or has gone. */
  get signal(): AbortSignal {
    return this.#asked.signal;
  }

  /** Asks for the listening sockets; each is taken in the turn in which it comes, or somebody's connection would be nobody's. */
  sockets(take: (socket: Server) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(new InplaceError("INTERRUPTED", "Who handed over has ended."));
      this.signal.addEventListener("abort", gone, { once: true });
      if (this.signal.aborted) gone();
      let taken = 0;
      process.on("message", (message: ToSuccessor, socket: Server) => {
        if (message.inplace !== "listener") return;
        take(socket);
        taken += 1;
        if (taken === message.of) resolve();
      });
      this.#tell("ready");
    });
  }

  serving(): void {
    this.#tell("serving");
  }

  /** Its channel would keep this process alive. */
  leave(): void {
    if (process.connected) process.disconnect();
  }

  #tell(inplace: FromSuccessor["inplace"]): void {
    if (process.connected) process.send?.({ inplace } satisfies FromSuccessor);
  }
}
