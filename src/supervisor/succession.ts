import { fork, type ChildProcess, type SendHandle } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { asInplaceError } from "../errors.ts";
import type { EventSink, SupervisorEvent } from "../events.ts";
import { TREE_SPAWN_OPTIONS } from "../process/tree.ts";
import { RapidFailGuard } from "../process/rapid-fail.ts";
import { readHandover } from "../site/handover.ts";
import type { SiteLayout } from "../site/layout.ts";
import { currentRuntime } from "../site/runtime-bundle.ts";

/** From the start of a successor until it has to be live. Milliseconds. */
export const SUCCESSION_LIMIT_MS = 120_000;
/** From the start of a successor until it has to have the socket. Milliseconds. */
const SOCKET_LIMIT_MS = 30_000;
/** Environment of a successor. */
export const SUCCEEDS_ENV = "INPLACE_SUCCEEDS";

/** After so many defects of supervisors in a minute none is started any more: the platform's own limits hold then. */
const MOST_DEFECTS = 3;

/** socket: with the handle. retire: another one is live. stop: where there is no SIGTERM. alone: nobody takes over. */
type ToSuccessor = { readonly inplace: "socket" | "retire" | "stop" | "alone" };
/**
 * live: its first release serves. outdated: the site holds another version, which the first supervisor is to start. defective:
 * it cannot go on, and another of the same version is to take over.
 */
type FromSuccessor = { readonly inplace: "live" | "outdated" | "defective" };

export interface SuccessionSetup {
  readonly layout: SiteLayout;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly events: EventSink<SupervisorEvent>;
  /** To be handed on; undefined where it cannot be. */
  readonly socket: SendHandle | undefined;
  /** Another supervisor serves: drain, and leave what waits in the socket's queue to it. */
  readonly retire: () => void;
  /** Drain and end, so that the platform starts what is in the site now. */
  readonly stop: (reason: string) => void;
}

/**
 * What becomes of a launched supervisor when a deploy brings another version of it, or other options: the new one starts
 * beside it, gets the socket and serves; then the old one drains. The process that the platform started stays, as the
 * keeper of its successors, of which there is one at a time:
 *
 *     supervising ──look──▶ successor starting ──live──▶ keeping ──outdated──▶ next one starting ──live──▶ keeping …
 *          ▲───────────────────────┘ it failed
 *
 * A supervisor with a defect hands over in the same way, to one of the same version.
 */
export class Succession {
  readonly #setup: SuccessionSetup;
  readonly #defects = new RapidFailGuard(MOST_DEFECTS);
  #version: string;
  #candidate: ChildProcess | undefined;
  #successor: ChildProcess | undefined;
  #starting: Promise<boolean> | undefined;
  #stopping = false;

  private constructor(setup: SuccessionSetup, version: string) {
    this.#setup = setup;
    this.#version = version;
    if (isSuccessor()) {
      process.on("message", ({ inplace }: ToSuccessor) => {
        if (inplace === "retire") setup.retire();
        if (inplace === "stop") setup.stop("its keeper was asked to");
      });
      const orphaned = (): void => setup.stop("its keeper has gone");
      process.once("disconnect", orphaned);
      if (!process.connected) orphaned();
    }
  }

  static async open(setup: SuccessionSetup): Promise<Succession> {
    return new Succession(setup, (await supervisorOf(setup.layout)).version);
  }

  /** At a quiet moment: whether the site holds another supervisor than this one by now. Never rejects. */
  async look(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#setup.events({ type: "successor-failed", problem: asInplaceError(error).message });
  }

  async #look(): Promise<void> {
    const { layout, socket, stop } = this.#setup;
    const { version, program } = await supervisorOf(layout);
    if (version === this.#version) return;
    this.#version = version;
    if (program === undefined) return stop("the site is to be recycled from now on");
    if (socket === undefined) return stop("a new version of the supervisor is there; the platform starts it");
    if (isSuccessor()) tell({ inplace: "outdated" });
    else await this.#start(program, socket);
  }

  /** After a defect of this process: whether another supervisor serves now. */
  async handOver(): Promise<boolean> {
    if (this.#successor !== undefined) return true; // It serves; this one only keeps it.
    if (isSuccessor()) return await relieved();
    await this.#startAfterDefect();
    return this.#successor !== undefined;
  }

  /** This process's first release serves. */
  live(): void {
    if (isSuccessor()) tell({ inplace: "live" });
  }

  /** Hands a signal on to the live successor; false: there is none. SIGTERM ends also one that is not live yet. */
  signal(name: NodeJS.Signals): boolean {
    if (name === "SIGTERM") {
      this.#stopping = true;
      this.#candidate?.kill(name);
    }
    if (process.platform === "win32" && name === "SIGTERM")
      this.#successor?.send({ inplace: "stop" } satisfies ToSuccessor);
    else this.#successor?.kill(name);
    return this.#successor !== undefined;
  }

  /** The exit code of the last successor once it has ended; undefined where nobody succeeded. */
  async ended(): Promise<number | undefined> {
    if (this.#successor === undefined) {
      // It was told to end, and nobody is to serve after it.
      this.#stopping = true;
      this.#candidate?.kill("SIGKILL");
    }
    let last: ChildProcess | undefined;
    while (this.#successor !== last) {
      last = this.#successor;
      if (last !== undefined && last.exitCode === null && last.signalCode === null) await once(last, "exit");
      await this.#starting?.catch(() => false); // It may take over from one that has died.
    }
    return last === undefined ? undefined : (last.exitCode ?? 1);
  }

  /** Whether a successor serves; where one starts already it is that one. */
  #start(program: string, socket: SendHandle): Promise<boolean> {
    this.#starting ??= this.#startNext(program, socket).catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  async #startNext(program: string, socket: SendHandle): Promise<boolean> {
    const { layout, args, env, events } = this.#setup;
    const next = fork(program, args, {
      cwd: layout.root,
      env: { ...env, [SUCCEEDS_ENV]: "1" },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      ...TREE_SPAWN_OPTIONS,
    });
    this.#candidate = next;
    events({ type: "successor-starting", program });
    // In the turn in which it says so: what it says next is said by the successor.
    const live = untilLive(next, () => this.#succeed(next));
    next.on("message", ({ inplace }: FromSuccessor) => {
      if (next !== this.#successor) return;
      if (inplace === "outdated") this.#startAnew().catch((error: unknown) => this.#failed(error));
      if (inplace === "defective")
        void this.#startAfterDefect().then(() => {
          if (next === this.#successor)
            next.send({ inplace: "alone" } satisfies ToSuccessor, () => undefined);
        });
    });
    next.send({ inplace: "socket" } satisfies ToSuccessor, socket, undefined, () => undefined);
    const problem = await live;
    if (problem === undefined) return true;
    this.#candidate = this.#starting = undefined;
    next.kill("SIGKILL");
    events({ type: "successor-failed", problem });
    return false;
  }

  #succeed(next: ChildProcess): void {
    const before = this.#successor;
    this.#candidate = this.#starting = undefined;
    this.#successor = next;
    this.#setup.events({ type: "successor-live", pid: next.pid ?? 0 });
    if (before === undefined) this.#setup.retire();
    else before.send({ inplace: "retire" } satisfies ToSuccessor, () => undefined);
  }

  /** Whoever fails while it takes over is followed by another one. Never rejects. */
  async #startAfterDefect(): Promise<void> {
    try {
      do {
        this.#defects.record();
        if (this.#defects.blockedForMs() > 0) throw new Error("supervisors fail again and again");
      } while (!(await this.#startAnew()) && !this.#stopping);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #startAnew(): Promise<boolean> {
    const { layout, socket } = this.#setup;
    const { program } = await supervisorOf(layout);
    if (program === undefined || socket === undefined)
      throw new Error("the site holds no supervisor to start");
    return await this.#start(program, socket);
  }
}

/** Asks the keeper for another successor. true: it serves, and this one drains; false: there is none. */
async function relieved(): Promise<boolean> {
  return await new Promise((resolve) => {
    process.on("message", ({ inplace }: ToSuccessor) => {
      if (inplace === "retire" || inplace === "alone") resolve(inplace === "retire");
    });
    process.once("disconnect", () => resolve(false));
    tell({ inplace: "defective" });
  });
}

/** Whether another supervisor started this process to take its place. */
export function isSuccessor(): boolean {
  return process.env[SUCCEEDS_ENV] !== undefined;
}

/** The socket that the supervisor before this one holds. Rejects where it does not come. */
export async function inheritSocket(): Promise<SendHandle> {
  const signal = AbortSignal.timeout(SOCKET_LIMIT_MS);
  const [, handle] = (await once(process, "message", { signal })) as [ToSuccessor, SendHandle];
  return handle;
}

/** What the launchers would start now: two versions are the same if their code and their options are. */
async function supervisorOf(
  layout: SiteLayout,
): Promise<{ readonly version: string; readonly program: string | undefined }> {
  // What cannot be read is there, and launchers start a supervisor.
  const options = await readHandover(layout).catch(() => "");
  const current = (await currentRuntime(layout).catch(() => undefined)) ?? "";
  const program = options === undefined ? undefined : join(layout.runtime, current, "supervise.mjs");
  return { version: `${current}\n${options ?? ""}`, program };
}

/** undefined: it is, and `live` was called; else what went wrong. */
function untilLive(next: ChildProcess, live: () => void): Promise<string | undefined> {
  return new Promise((resolve) => {
    const settle = (problem: string | undefined): void => {
      clearTimeout(late);
      next.off("message", heard);
      resolve(problem);
    };
    const heard = ({ inplace }: FromSuccessor): void => {
      if (inplace === "defective") settle("it failed before it was live");
      if (inplace !== "live") return;
      live();
      settle(undefined);
    };
    const late = setTimeout(
      () => settle(`it was not live within ${SUCCESSION_LIMIT_MS} ms`),
      SUCCESSION_LIMIT_MS,
    );
    next.on("message", heard);
    next.once("exit", (code, signal) => settle(`it ended with ${signal ?? `exit code ${code}`}`));
    next.once("error", ({ message }) => settle(message));
  });
}

function tell(message: FromSuccessor): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
