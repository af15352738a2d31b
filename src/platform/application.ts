import { setTimeout as delay } from "node:timers/promises";
import type { EventSink, PlatformEvent } from "../events.ts";
import type { Exit } from "../process/child.ts";
import { toldLines } from "../process/output-tail.ts";
import { RapidFailGuard } from "../process/rapid-fail.ts";
import { Backend, type BackendOwner } from "./backend.ts";
import { Probation, type Fault } from "./backends/probation.ts";
import type { StartFailure } from "./backends/start-attempt.ts";
import type { Exchange, Router } from "./exchange.ts";
import { lostConnection, startFailed, unanswered } from "./failure.ts";
import { HealthProof } from "./health-proof.ts";
import { HoldQueue, type HoldLimits } from "./hold-queue.ts";
import type { Instance } from "./instance.ts";
import type { Launch } from "./launch.ts";
import { guarded } from "./proxy/boundary.ts";
import { afterExit, afterLoss, mayRepeat } from "./retry.ts";
import { startedArtifact } from "./started-artifact.ts";
import type { Loss } from "./upstream.ts";

const EXIT_LOOK_MS = 50;

/** The processes of one web.config and the requests for them. */
export class Application implements Router, BackendOwner {
  readonly events: EventSink<PlatformEvent>;
  readonly requestTimeoutMs: number;
  readonly sendsToken: boolean;
  readonly #backends: readonly Backend[];
  readonly #held: HoldQueue;
  readonly #holdLimits: HoldLimits;
  readonly #strict: boolean;
  readonly #health: HealthProof;
  readonly #probation: Probation;
  readonly #launch: Launch;
  /** So many may make room for themselves in a minute without that a visitor asks for the next. */
  readonly #restarts: RapidFailGuard;
  #waits = false;
  #next = 0;
  /** Set once it stops: where requests go that it can no longer take. */
  #successor: Router | undefined;

  constructor(launch: Launch, holdLimits: HoldLimits, events: EventSink<PlatformEvent>) {
    this.events = events;
    this.requestTimeoutMs = launch.requestTimeoutMs;
    this.sendsToken = launch.sendsToken;
    this.#strict = launch.strict;
    this.#launch = launch;
    this.#restarts = new RapidFailGuard(launch.rapidFailsPerMinute);
    this.#held = new HoldQueue(holdLimits);
    this.#holdLimits = holdLimits;
    this.#probation = new Probation(launch.layout, events);
    this.#health = new HealthProof({
      layout: launch.layout,
      events,
      strict: launch.strict,
      overlaps: () => this.#waits,
      closed: (instance) => this.#backendOf(instance)?.refused(instance),
      live: (artifact) => this.#probation.begin(artifact),
    });
    const guard = new RapidFailGuard(launch.rapidFailsPerMinute);
    this.#backends = Array.from(
      { length: launch.processes },
      (_, index) => new Backend(index, launch, guard, this),
    );
  }

  /** A process of it lives, or is being started. */
  get isRunning(): boolean {
    return this.#backends.some(({ state }) => state.kind !== "stopped");
  }

  /** It starts no process of its own accord: another application, or the end of one, is near. Requests are held meanwhile. */
  get waits(): boolean {
    return this.#waits;
  }

  set waits(waits: boolean) {
    this.#waits = waits;
    if (!waits) this.#routeAgain(this.#held.release());
  }

  /** One of its processes. */
  get instance(): Instance | undefined {
    for (const { state } of this.#backends)
      if (state.kind === "ready" || state.kind === "draining") return state.instance;
    return undefined;
  }

  /** Whether one of its processes is this artifact's; of one that starts the launcher may not have said it yet. */
  async isOf(artifact: string | undefined): Promise<boolean> {
    const { instance } = this;
    if (instance !== undefined) return instance.artifact === artifact;
    const since = Math.min(...this.#backends.map(({ startsSince }) => startsSince));
    return artifact !== undefined && (await startedArtifact(this.#launch.layout, since)) === artifact;
  }

  /** Starts all its processes; undefined: each has answered, else none is left and what was wrong is told. For one that never started. */
  async prove(signal: AbortSignal): Promise<StartFailure | undefined> {
    const end = (): void => this.#backends.forEach((backend) => backend.kill());
    signal.addEventListener("abort", end, { once: true });
    let failure: StartFailure | undefined;
    const starts = this.#backends.map(async (backend) => {
      const failed = await backend.prove();
      if (failed === undefined || failure !== undefined) return;
      failure = failed;
      end();
    });
    await Promise.all(starts);
    signal.removeEventListener("abort", end);
    if (failure !== undefined) await Promise.all(this.#backends.map((backend) => backend.stop()));
    return failure;
  }

  /** Starts what a first request would. */
  start(): void {
    this.#backends[0]?.start();
  }

  /**
   * New requests go to the successor from now on; the processes are stopped once nothing with an end is on its way to them,
   * or the site's drain deadline is over.
   */
  async retire(successor: Router): Promise<void> {
    this.#leaveTo(successor);
    for (const { state } of this.#backends) {
      if (state.kind === "ready" || state.kind === "draining") this.#health.gone(state.instance);
    }
    const limitMs = await this.#launch.drainMs();
    await Promise.all(this.#backends.map((backend) => backend.retire(limitMs)));
  }

  route(exchange: Exchange): void {
    if (this.#successor !== undefined) {
      this.#successor.route(exchange);
      return;
    }
    const instance = this.#pick();
    if (instance === undefined) {
      this.#held.hold(exchange);
      return;
    }
    // What cannot be sent again goes over no connection that the process may just be closing for its age.
    const fresh = this.#strict || !exchange.idempotent || exchange.repeats > 0;
    exchange.sendOver(instance.pool.take(fresh), instance);
  }

  lost(exchange: Exchange, instance: Instance, loss: Loss): void {
    const next = this.#strict ? "fail" : afterLoss(loss, exchange);
    switch (next) {
      case "hold":
        this.#backendOf(instance)?.refused(instance);
        this.route(exchange);
        return;
      case "send-again":
        this.#repeat(exchange);
        return;
      case "await-exit":
        guarded(exchange, () => this.#awaitExit(exchange, instance));
        return;
      case "fail":
        exchange.fail(lostConnection(loss));
        return;
      default:
        next satisfies never;
    }
  }

  answered(instance: Instance, status: number): void {
    this.#health.answered(instance, status);
  }

  ready(instance: Instance): void {
    this.#health.watch(instance);
    this.roomAgain();
  }

  roomAgain(): void {
    // Not all at once: a process that has just started could not take so many connections.
    while (this.#held.size > 0 && this.#backends.some(hasRoom)) {
      const exchange = this.#held.next();
      if (exchange !== undefined) this.#routeAgain([exchange]);
    }
  }

  startFailed(reason: string, output: string): void {
    if (this.#backends.some(({ state }) => state.kind === "ready" || state.kind === "starting")) return;
    const tail = toldLines(output).join("\n");
    const detail = tail === "" ? reason : `${reason}\n\n${tail}`;
    this.#held.failAll(startFailed(detail));
  }

  gone(instance: Instance, again: boolean, fault: Fault | undefined): void {
    this.#health.gone(instance);
    const goOn = (): void => {
      if (again) this.#startAgain();
      // Whoever waits needs a process now; otherwise the next request starts it.
      this.#routeAgain(this.#held.release());
    };
    if (fault === undefined || instance.artifact === undefined || this.#strict) return goOn();
    // It may be another release's turn.
    void this.#probation.ended(instance.artifact, fault).then(goOn);
  }

  /** Stops the processes gracefully; requests that they no longer take go to the successor. */
  async stop(successor: Router): Promise<void> {
    this.#leaveTo(successor);
    await Promise.all(this.#backends.map((backend) => backend.stop()));
  }

  #leaveTo(successor: Router): void {
    this.#successor ??= successor;
    this.#routeAgain(this.#held.release());
  }

  #routeAgain(exchanges: readonly Exchange[]): void {
    for (const exchange of exchanges) guarded(exchange, () => this.route(exchange));
  }

  /** A site that ran goes on: its last visitor may have been the one whom the drain waited for. */
  #startAgain(): void {
    if (this.#strict || this.#waits || this.#successor !== undefined) return;
    if (this.#restarts.blockedForMs() > 0) return;
    this.#restarts.record();
    this.#backends.find(({ state }) => state.kind === "stopped")?.start();
  }

  /** Ends the processes now, and starts no other; whoever waits is the caller's to cut. */
  kill(successor: Router): void {
    this.#successor ??= successor;
    for (const backend of this.#backends) backend.kill();
  }

  /** The next ready one in turn; the one whose turn it is gets started if there is none in it. */
  #pick(): Instance | undefined {
    const count = this.#backends.length;
    for (let step = 0; step < count; step += 1) {
      const backend = this.#backends[(this.#next + step) % count];
      if (backend === undefined) continue;
      if (step === 0 && !this.#waits) backend.start();
      if (backend.state.kind === "ready" && !backend.state.instance.pool.crowded) {
        this.#next = (this.#next + 1) % count;
        return backend.state.instance;
      }
    }
    this.#next = (this.#next + 1) % count;
    return undefined;
  }

  #backendOf(instance: Instance): Backend | undefined {
    return this.#backends.find(({ state }) => state.kind === "ready" && state.instance === instance);
  }

  /**
   * The exit code says whether the request was served; a process that lives and listens, still or again, has simply not
   * answered it. What may be repeated in any case waits for neither.
   */
  async #awaitExit(exchange: Exchange, instance: Instance): Promise<void> {
    const listens = await instance.stillAccepts();
    if (!listens) this.#backendOf(instance)?.refused(instance);
    const again = listens ? mayRepeat(exchange) : afterExit(null, exchange) === "repeat";
    const exit = listens || again ? undefined : await this.#exitOf(instance);
    if (!exchange.waiting) return;
    const next = again ? "repeat" : exit === undefined ? "fail" : afterExit(exit.code, exchange);
    if (next === "fail") exchange.fail(unanswered(exit === undefined ? "closed the connection" : "ended"));
    else if (next === "repeat") this.#repeat(exchange);
    else this.route(exchange);
  }

  /** undefined: it listens again, or takes longer than anybody is held. */
  async #exitOf(instance: Instance): Promise<Exit | undefined> {
    const until = Date.now() + this.#holdLimits.timeMs;
    while (Date.now() < until && this.#backendOf(instance) === undefined) {
      const exit = await Promise.race([instance.child.exited, delay(EXIT_LOOK_MS)]);
      if (exit !== undefined) return exit;
    }
    return undefined;
  }

  #repeat(exchange: Exchange): void {
    exchange.repeats += 1;
    this.route(exchange);
  }
}

function hasRoom({ state }: Backend): boolean {
  return state.kind === "ready" && !state.instance.pool.crowded;
}
