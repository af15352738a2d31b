import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { InplaceError } from "../errors.ts";
import type { EventSink, PlatformEvent } from "../events.ts";
import { startChild, type Exit } from "../process/child.ts";
import { endWithUs } from "../process/orphan-guard.ts";
import { foreignListener } from "../process/port-owner.ts";
import { accepts, choosePort, untilAccepts } from "../process/port.ts";
import type { RapidFailGuard } from "../process/rapid-fail.ts";
import { Instance, type InstanceOwner } from "./instance.ts";
import { startedArtifact } from "./started-artifact.ts";
import type { Launch } from "./launch.ts";
import { refuseAltered } from "./refuse-altered.ts";
import { askToStop } from "./shutdown-request.ts";

/** A process that has closed its port but does not end is killed after this, milliseconds. More than any sensible drain. */
export const DRAIN_LIMIT_MS = 120_000;
const DRAIN_PROBE_MS = 100;

/**
 * stopped → starting → ready → (draining: its port refuses, it still works on what it has →) stopped.
 * stopping: asked by us. A failed start goes back to stopped.
 */
export type BackendState =
  | { readonly kind: "stopped" }
  | { readonly kind: "starting"; readonly abort: AbortController; readonly done: Promise<void> }
  | { readonly kind: "ready"; readonly instance: Instance }
  | { readonly kind: "draining"; readonly instance: Instance }
  | { readonly kind: "stopping"; readonly instance: Instance; readonly exited: Promise<unknown> };

/** What a backend tells the application that it belongs to. */
export interface BackendOwner extends InstanceOwner {
  ready(instance: Instance): void;
  startFailed(reason: string, output: string): void;
  gone(instance: Instance): void;
  readonly events: EventSink<PlatformEvent>;
}

const STOPPED: BackendState = { kind: "stopped" };

/** One slot of processesPerApplication: at most one process at a time. */
export class Backend {
  readonly index: number;
  readonly #launch: Launch;
  readonly #owner: BackendOwner;
  readonly #guard: RapidFailGuard;
  #state: BackendState = STOPPED;

  constructor(index: number, launch: Launch, guard: RapidFailGuard, owner: BackendOwner) {
    this.index = index;
    this.#launch = launch;
    this.#guard = guard;
    this.#owner = owner;
  }

  get state(): BackendState {
    return this.#state;
  }

  /** Starts a process if there is none. */
  start(): void {
    if (this.#state.kind !== "stopped") return;
    const abort = new AbortController();
    // The state has to stand before anything of the start runs.
    const done = Promise.resolve().then(() => this.#start(abort.signal));
    this.#state = { kind: "starting", abort, done };
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

  /** Gracefully, then by force. */
  async stop(): Promise<void> {
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
        const exited = this.#stop(state.instance);
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

  async #stop(instance: Instance): Promise<void> {
    const { child, port, token, artifact } = instance;
    this.#owner.events({ type: "backend-stopping", pid: child.pid, artifact });
    // Where there is SIGTERM, SIGTERM is how a program expects to be told.
    const ask = process.platform === "win32" ? () => askToStop(port, token) : undefined;
    await child.stop(this.#launch.shutdownTimeLimitMs, ask);
  }

  async #start(signal: AbortSignal): Promise<void> {
    let problem = "It was stopped while it started.";
    let output = "";
    for (let attempt = 1; attempt <= this.#launch.attempts && !signal.aborted; attempt += 1) {
      if (this.#guard.blockedForMs() > 0) {
        problem = "It has failed too often within a minute.";
        break;
      }
      const failure = await this.#attempt(attempt, signal).catch((error: unknown) => {
        if (!(error instanceof InplaceError)) throw error;
        return { problem: error.message, output: "" };
      });
      if (failure === undefined) return;
      if (!signal.aborted) this.#guard.record();
      ({ problem, output } = failure);
    }
    this.#state = STOPPED;
    this.#owner.startFailed(problem, output);
  }

  /** One process: it becomes the instance (undefined), or is ended and what was wrong is told. */
  async #attempt(
    attempt: number,
    signal: AbortSignal,
  ): Promise<{ problem: string; output: string } | undefined> {
    const port = await choosePort();
    const token = randomUUID();
    await refuseAltered(this.#launch.layout).catch(() => undefined); // A disk that takes no marks starts what there is.
    const since = Date.now();
    const child = await startChild(this.#launch.child(port, token));
    endWithUs(child);
    // At once and not when the waits below have ended: this process may be about to end itself.
    signal.addEventListener("abort", () => void child.kill(), { once: true });
    this.#owner.events({ type: "backend-starting", pid: child.pid, port, attempt });
    const limit = AbortSignal.timeout(this.#launch.startupTimeLimitMs);
    const exit = new AbortController();
    void child.exited.then(() => exit.abort());
    const up = await untilAccepts(port, AbortSignal.any([signal, limit, exit.signal]));
    const foreign = up ? await foreignListener(port, { pid: child.pid, mark: token }) : undefined;
    const artifact = up ? await startedArtifact(this.#launch.layout, since) : undefined;
    if (up && foreign === undefined && !signal.aborted && child.state.kind === "running") {
      this.#accept(new Instance({ child, port, token, artifact }, this.#owner));
      return undefined;
    }
    const ended = child.state.kind === "exited";
    const { code, signal: by } = await child.kill();
    const ending = ended ? `ended with ${by ?? `code ${code ?? "unknown"}`}` : undefined;
    const problem = startProblem(ending, foreign, port, this.#launch.startupTimeLimitMs);
    this.#owner.events({ type: "backend-start-failed", pid: child.pid, attempt, problem });
    return { problem, output: child.output.text() };
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
    this.#owner.gone(instance);
  }

  /** A program that restarts its listener (a watcher as the launcher, say) becomes ready again without a new start. */
  async #watchDrain(instance: Instance): Promise<void> {
    const limit = Date.now() + DRAIN_LIMIT_MS;
    while (this.#state.kind === "draining" && this.#state.instance === instance) {
      if (Date.now() > limit) {
        await instance.child.kill();
        return;
      }
      await Promise.race([delay(DRAIN_PROBE_MS), instance.child.exited]);
      const { child, port, token } = instance;
      if (child.state.kind === "exited" || !(await accepts(port))) continue;
      // The port is anybody's once the process has closed it.
      if ((await foreignListener(port, { pid: child.pid, mark: token })) !== undefined) continue;
      if (this.#state.kind !== "draining" || this.#state.instance !== instance) return;
      this.#state = { kind: "ready", instance };
      this.#owner.ready(instance);
      return;
    }
  }
}

function startProblem(
  ending: string | undefined,
  foreign: number | undefined,
  port: number,
  limitMs: number,
): string {
  if (foreign !== undefined) return `Process ${foreign}, another program, listens on port ${port}.`;
  if (ending !== undefined) return `It ${ending} before it listened on port ${port}.`;
  return `It did not listen on port ${port} within ${limitMs / 1000} s.`;
}
