import { setTimeout as delay } from "node:timers/promises";
import type { Exit } from "../process/child.ts";
import { accepts, REOPENING_MS } from "../process/port.ts";
import type { RapidFailGuard } from "../process/rapid-fail.ts";
import {
  STOPPED_MEANWHILE,
  attemptStart,
  type AttemptFailure,
  type AttemptOwner,
  type StartFailure,
} from "./backends/start-attempt.ts";
import type { Fault } from "./backends/probation.ts";
import { Instance } from "./instance.ts";
import type { Launch } from "./launch.ts";
import { askToStop } from "./shutdown-request.ts";

/** A process that has closed its port but does not end is killed after this, milliseconds. More than any sensible drain. */
export const DRAIN_LIMIT_MS = 120_000;
const DRAIN_PROBE_MS = 100;
const RETIRE_LOOK_MS = 50;

/**
 * stopped → starting → ready → (draining: its port refuses, it still works on what it has →) stopped.
 * stopping: asked by us. A failed start goes back to stopped.
 */
export type BackendState =
  | { readonly kind: "stopped" }
  | {
      readonly kind: "starting";
      readonly since: number;
      readonly abort: AbortController;
      readonly done: Promise<StartFailure | undefined>;
    }
  | { readonly kind: "ready"; readonly instance: Instance }
  | { readonly kind: "draining"; readonly instance: Instance }
  | { readonly kind: "stopping"; readonly instance: Instance; readonly exited: Promise<unknown> };

/** What a backend tells the application that it belongs to. */
export interface BackendOwner extends AttemptOwner {
  ready(instance: Instance): void;
  startFailed(reason: string, output: string): void;
  /** `again`: it ended as one that makes room for the next. `fault`: of its own accord, and not for that. */
  gone(instance: Instance, again: boolean, fault: Fault | undefined): void;
}

const STOPPED: BackendState = { kind: "stopped" };
const WAS_STOPPED: StartFailure = { problem: STOPPED_MEANWHILE, output: "" };

/** One slot of processesPerApplication: at most one process at a time. */
export class Backend {
  readonly index: number;
  readonly #launch: Launch;
  readonly #owner: BackendOwner;
  readonly #guard: RapidFailGuard;
  #state: BackendState = STOPPED;
  /** It is ended for having closed its port. */
  #closed: Instance | undefined;

  constructor(index: number, launch: Launch, guard: RapidFailGuard, owner: BackendOwner) {
    this.index = index;
    this.#launch = launch;
    this.#guard = guard;
    this.#owner = owner;
  }

  /** When the start under way began, milliseconds since the epoch; Infinity: none is. */
  get startsSince(): number {
    return this.#state.kind === "starting" ? this.#state.since : Number.POSITIVE_INFINITY;
  }

  get state(): BackendState {
    return this.#state;
  }

  /** Starts a process if there is none. */
  start(): void {
    if (this.#state.kind === "stopped") void this.#begin((signal) => this.#start(signal));
  }

  /**
   * Starts a process that has to answer before it is ready. Gives what was wrong; it is started a second time only where
   * that was not its own fault. Only for a backend without one.
   */
  prove(): Promise<StartFailure | undefined> {
    return this.#begin((signal) => this.#prove(signal));
  }

  #begin(
    start: (signal: AbortSignal) => Promise<StartFailure | undefined>,
  ): Promise<StartFailure | undefined> {
    const abort = new AbortController();
    // The state has to stand before anything of the start runs.
    const done = Promise.resolve().then(() => start(abort.signal));
    this.#state = { kind: "starting", since: Date.now(), abort, done };
    return done;
  }

  /** A connection was refused: its listener is closed. */
  refused(instance: Instance): void {
    if (this.#state.kind !== "ready" || this.#state.instance !== instance) return;
    this.#state = { kind: "draining", instance };
    const { child, port, artifact } = instance;
    this.#owner.events({ type: "backend-draining", pid: child.pid, port, artifact });
    instance.pool.closeIdle();
    void this.#watchDrain(instance);
  }

  /**
   * Waits until no request whose answer has an end is on its way to the process, for so long at most, then stops it; all in
   * all it gets that time and its shutdown limit. `stop` ends the waiting. No new request must come.
   */
  async retire(limitMs: number): Promise<void> {
    const until = Date.now() + limitMs;
    const state = this.#state;
    if (state.kind === "ready" || state.kind === "draining") {
      const { child, pool } = state.instance;
      pool.retire();
      while (pool.hasOrdinary && Date.now() < until && !this.#isStopping()) {
        await Promise.race([delay(RETIRE_LOOK_MS), child.exited]);
      }
    }
    await this.stop(Math.max(0, until - Date.now()) + this.#launch.shutdownTimeLimitMs);
  }

  #isStopping(): boolean {
    return this.#state.kind === "stopping" || this.#state.kind === "stopped";
  }

  /** Gracefully, then by force. */
  async stop(limitMs: number = this.#launch.shutdownTimeLimitMs): Promise<void> {
    const state = this.#state;
    switch (state.kind) {
      case "stopped":
        return;
      case "stopping":
        await state.exited;
        return;
      case "starting":
        state.abort.abort();
        await state.done;
        return;
      case "ready":
      case "draining": {
        const exited = this.#stop(state.instance, limitMs);
        this.#state = { kind: "stopping", instance: state.instance, exited };
        await exited;
        return;
      }
      default:
        state satisfies never;
    }
  }

  /** Ends the process now. */
  kill(): void {
    const state = this.#state;
    if (state.kind === "starting") state.abort.abort();
    else if (state.kind !== "stopped") void state.instance.child.kill();
  }

  async #stop(instance: Instance, limitMs: number): Promise<void> {
    const { child, port, token, artifact } = instance;
    this.#owner.events({ type: "backend-stopping", pid: child.pid, artifact });
    // Where there is SIGTERM, SIGTERM is how a program expects to be told.
    const ask = process.platform === "win32" ? () => askToStop(port, token) : undefined;
    await child.stop(limitMs, ask);
  }

  async #prove(signal: AbortSignal): Promise<StartFailure | undefined> {
    let failure: AttemptFailure = { ...WAS_STOPPED, temporary: true };
    for (let attempt = 1; attempt <= this.#launch.attempts && failure.temporary; attempt += 1) {
      if (signal.aborted) break;
      const failed = await this.#attempt(attempt, signal, true);
      if (failed === undefined) return undefined;
      failure = failed;
    }
    this.#state = STOPPED;
    return failure;
  }

  async #start(signal: AbortSignal): Promise<StartFailure | undefined> {
    let { problem, output }: StartFailure = WAS_STOPPED;
    for (let attempt = 1; attempt <= this.#launch.attempts && !signal.aborted; attempt += 1) {
      if (this.#guard.blockedForMs() > 0) {
        problem = "It has failed too often within a minute.";
        break;
      }
      const failure = await this.#attempt(attempt, signal, false);
      if (failure === undefined) return undefined;
      ({ problem, output } = failure);
      if (failure.certain === true) break;
      if (!signal.aborted) this.#guard.record();
    }
    this.#state = STOPPED;
    this.#owner.startFailed(problem, output);
    return { problem, output };
  }

  /** undefined: the process is the instance now. */
  async #attempt(
    attempt: number,
    signal: AbortSignal,
    onTrial: boolean,
  ): Promise<AttemptFailure | undefined> {
    const order = { launch: this.#launch, owner: this.#owner, attempt, onTrial, signal };
    const started = await attemptStart(order);
    if (!(started instanceof Instance)) return started;
    if (signal.aborted) {
      await started.child.kill();
      return { ...WAS_STOPPED, temporary: true };
    }
    this.#accept(started);
    return undefined;
  }

  #accept(instance: Instance): void {
    this.#state = { kind: "ready", instance };
    const { child, port, artifact } = instance;
    this.#owner.events({ type: "backend-ready", pid: child.pid, port, artifact });
    void child.exited.then((exit) => this.#exited(instance, exit));
    this.#owner.ready(instance);
  }

  #exited(instance: Instance, exit: Exit): void {
    const asked = this.#state.kind === "stopping";
    this.#state = STOPPED;
    instance.pool.closeIdle();
    if (!asked && this.#launch.countsAsFailure(exit)) this.#guard.record();
    const { child, artifact } = instance;
    this.#owner.events({ type: "backend-exited", pid: child.pid, artifact, ...exit, asked });
    const closed = this.#closed === instance;
    const how = closed
      ? "It closed its port, and lived on"
      : `It ended with ${exit.signal ?? `code ${exit.code ?? "unknown"}`}`;
    const fault = closed || (!asked && exit.code !== 0) ? { how, byUs: closed } : undefined;
    this.#owner.gone(instance, closed || (!asked && exit.code === 0), fault);
  }

  /** A program that restarts its listener (a watcher as the launcher, say) becomes ready again without a new start. */
  async #watchDrain(instance: Instance): Promise<void> {
    const limit = Date.now() + DRAIN_LIMIT_MS;
    let idleSince = Date.now();
    let told = false;
    while (this.#state.kind === "draining" && this.#state.instance === instance) {
      if (Date.now() > limit) {
        await instance.child.kill();
        return;
      }
      if (instance.pool.busy.size > 0) idleSince = Date.now();
      if (Date.now() > idleSince + REOPENING_MS) {
        this.#closed = instance;
        // It may be at work for its own end, and gets what a swap would give it.
        await this.stop((await this.#launch.drainMs()) + this.#launch.shutdownTimeLimitMs);
        return;
      }
      await Promise.race([delay(DRAIN_PROBE_MS), instance.child.exited]);
      const { child, port, own } = instance;
      if (child.state.kind === "exited" || !(await accepts(port))) continue;
      // The port is anybody's once the process has closed it.
      const stranger = await own.stranger();
      if (stranger !== undefined) {
        if (!told) this.#owner.events({ type: "backend-port-taken", pid: child.pid, port, by: stranger });
        told = true;
        continue;
      }
      if (this.#state.kind !== "draining" || this.#state.instance !== instance) return;
      this.#state = { kind: "ready", instance };
      this.#owner.ready(instance);
      return;
    }
  }
}
