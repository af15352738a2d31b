import type { SendHandle } from "node:child_process";
import { rollback, type Rollback } from "../deploy/rollback.ts";
import { InplaceError } from "../errors.ts";
import type { EventSink, InplaceEvent } from "../events.ts";
import type { SiteLayout } from "../site/layout.ts";
import { aborted } from "./aborted.ts";
import { Crew } from "./crew.ts";
import { openFront, type Front } from "./front.ts";
import type { SocketPlace } from "./held-socket.ts";
import { Launcher } from "./launcher.ts";
import { NextRelease } from "./next-release.ts";
import type { NormalSuperviseOptions } from "./options.ts";
import { Outcomes } from "./outcomes.ts";
import { readyMsOf, type WantedRelease } from "./release.ts";
import { Records } from "./records.ts";
import type { RollbackRequest, SupervisorStatus } from "./requests.ts";
import { Revival } from "./revival.ts";
import { isLate, type Failure } from "./proof.ts";
import { rollOut, type FailedWorker, type RolloutResult } from "./rollout.ts";
import { SiteFaultRetry } from "./site-fault.ts";
import { describeFailure, type RolloutOutcome, type SupervisorState } from "./state.ts";
import { SwapRecorder, type Counts, type SwapReport } from "./swap-report.ts";
import { Trial } from "./trial.ts";
import type { Worker } from "./worker.ts";

export interface SupervisorSetup {
  readonly layout: SiteLayout;
  readonly place: SocketPlace;
  readonly options: NormalSuperviseOptions;
  /** Passed on to the artifact. */
  readonly args: readonly string[];
  /** For the workers; what a worker must not inherit is taken out. */
  readonly env: NodeJS.ProcessEnv;
  readonly events: EventSink<InplaceEvent>;
}

/** Keeps the newest sound release of a site running behind a port that never closes. SupervisorState draws its states. */
export class Supervisor {
  readonly #setup: SupervisorSetup;
  readonly #front: Front;
  readonly #crew: Crew;
  readonly #launcher: Launcher;
  readonly #revival: Revival;
  readonly #records: Records;
  readonly #outcomes = new Outcomes();
  readonly #stopped = new AbortController();
  readonly #next: NextRelease;
  readonly #retry: SiteFaultRetry;
  #retired = false;
  #live: WantedRelease | undefined;
  #trial: Trial | undefined;
  #state: SupervisorState = { state: "idle" };
  #swap: SwapReport | undefined;

  private constructor(setup: SupervisorSetup, front: Front) {
    this.#setup = setup;
    this.#front = front;
    this.#crew = new Crew(front, setup.options);
    this.#crew.onDeath = (worker, slot, failure) => this.#died(worker, slot, failure);
    this.#records = new Records(setup.layout, setup.events);
    this.#next = new NextRelease(setup.layout, this.#outcomes, setup.events);
    this.#retry = new SiteFaultRetry(setup.layout, setup.env);
    this.#launcher = new Launcher(setup, front);
    this.#launcher.onStopAsked = () => this.stop("the platform's module asked for it");
    this.#revival = new Revival({
      crew: this.#crew,
      options: setup.options,
      events: setup.events,
      stopped: this.#stopped.signal,
      retry: this.#retry,
      launch: (release) => this.#launcher.launch(release),
      live: () => this.#live,
      giveUp: (release) => this.#giveUp(release),
    });
  }

  /** Takes the port. Throws PORT_IN_USE or ACCESS_DENIED. */
  static async open(setup: SupervisorSetup): Promise<Supervisor> {
    return new Supervisor(setup, await openFront(setup.place, setup.options.front));
  }

  get port(): number {
    return this.#front.port;
  }

  get socket(): SendHandle | undefined {
    return this.#front.socket;
  }

  get isLive(): boolean {
    return this.#live !== undefined;
  }

  /** Runs until stop. Rejects with START_FAILED if the first release fails and there is no good one. */
  async run(): Promise<void> {
    const { address, port, kind } = this.#front;
    this.#setup.events({ type: "supervising", address, port, by: kind });
    try {
      await this.#next.watch();
      while (!this.#stopped.signal.aborted) {
        const wanted = this.#next.take();
        if (wanted !== undefined) await this.#replaceBy(wanted);
        else await aborted(AbortSignal.any([this.#next.arrived, this.#stopped.signal]));
      }
    } finally {
      this.#state = { state: "stopping" };
      await Promise.all([this.#next.close(), this.#crew.stop(!this.#retired), this.#launcher.close()]);
    }
  }

  /** Lets the workers drain and ends; run() resolves then. */
  stop(reason: string): void {
    if (this.#stopped.signal.aborted) return;
    this.#setup.events({ type: "supervisor-stopping", reason });
    this.#stopped.abort();
  }

  /** As stop, when another supervisor serves from the socket: what waits in its queue is left to that. */
  retire(): void {
    this.#retired = true;
    this.stop("another supervisor has taken over");
  }

  /** Ends the workers and lets go of the port now; for the end of this process. */
  kill(): void {
    this.#launcher.kill();
    this.#front.close();
  }

  /** Fresh workers of the release that is live, whose name it gives. Throws ARTIFACT_MISSING where nothing is. */
  reload(): string {
    if (this.#live === undefined)
      throw new InplaceError("ARTIFACT_MISSING", "Nothing is live that could be reloaded.");
    this.#next.want({ ...this.#live, cause: "reload", pointedAt: undefined });
    return this.#live.artifact;
  }

  /** Moves the pointer back as the command does, and begins at once. Throws what deploy/rollback.ts throws. */
  async rollback(request: RollbackRequest, signal: AbortSignal): Promise<Rollback> {
    const { layout, events } = this.#setup;
    const { artifact, from, force, waitMs } = request;
    const done = await rollback({ layout, artifact, from, force, waitMs, signal, emit: events });
    await this.#next.look();
    return done;
  }

  async status(): Promise<SupervisorStatus> {
    const { address, port, kind: front } = this.#front;
    const { workers } = this.#crew;
    return { state: this.#state, pid: process.pid, address, port, front, workers, swap: this.#swap };
  }

  /** How the rollout of an artifact ends or has ended. Rejects when the signal aborts. */
  async outcome(artifact: string, signal: AbortSignal): Promise<RolloutOutcome> {
    // So that a release of this moment is known, and what is remembered of the name is not taken for its end.
    await this.#next.look();
    return await this.#outcomes.of(artifact, signal);
  }

  async #replaceBy(wanted: WantedRelease): Promise<void> {
    const before = this.#live;
    if (wanted.cause === "pointer" && wanted.artifact === before?.artifact) {
      return this.#outcomes.settle({ result: "live", artifact: wanted.artifact, swap: undefined });
    }
    const { artifact, cause, pointedAt } = wanted;
    const detectedAfterMs = pointedAt === undefined ? undefined : Math.round(Date.now() - pointedAt);
    const recorder = new SwapRecorder({ artifact, cause, previous: before?.artifact, detectedAfterMs });
    const countsBefore = await this.#counts();
    const trial = new Trial();
    // Without anything to fall back to at once, a death is met by a restart like any other.
    this.#trial = before === undefined ? undefined : trial;
    const ended = await this.#rollOut(wanted, trial, recorder);
    switch (ended.result) {
      case "superseded":
        this.#trial = undefined;
        this.#next.tookThePlaceOf(wanted);
        return this.#serveOn(before);
      case "failed":
        return await this.#fallBack(wanted, before, trial, ended);
      case "switched": {
        this.#live = wanted;
        this.#state = { state: "draining", artifact, previous: before?.artifact };
        this.#setup.events({ type: "release-switched", artifact, previous: before?.artifact });
        const drained = Promise.all(ended.drains.map(async (drain) => recorder.drained(await drain)));
        const failed = await this.#probation(trial, drained, before !== undefined);
        if (failed !== undefined) return await this.#fallBack(wanted, before, trial, failed);
        return await this.#passed(wanted, recorder.finish(countsBefore, await this.#counts()));
      }
      default:
        return ended satisfies never;
    }
  }

  async #counts(): Promise<Counts> {
    return { requests: await this.#crew.requests(), resets: this.#front.resets + this.#launcher.resets };
  }

  async #rollOut(wanted: WantedRelease, trial: Trial, recorder: SwapRecorder): Promise<RolloutResult> {
    const { options } = this.#setup;
    return await rollOut({
      crew: this.#crew,
      options: { ...options, readyMs: readyMsOf(wanted, options) },
      recorder,
      launch: () => this.#launcher.launch(wanted),
      onStep: (state) => {
        this.#state = { state, artifact: wanted.artifact, live: this.#live?.artifact };
      },
      onSwitched: (worker) => trial.add(worker),
      superseded: this.#next.arrived,
      trial: trial.signal,
      stopped: this.#stopped.signal,
    });
  }

  async #probation(
    trial: Trial,
    drained: Promise<unknown>,
    needed: boolean,
  ): Promise<FailedWorker | undefined> {
    const options = needed ? this.#setup.options : { ...this.#setup.options, probationMs: 0 };
    const failed = await trial.run(
      options,
      drained,
      AbortSignal.any([this.#next.arrived, this.#stopped.signal]),
    );
    this.#trial = undefined;
    return failed;
  }

  async #passed(wanted: WantedRelease, swap: SwapReport): Promise<void> {
    const { artifact } = wanted;
    this.#crew.dismissParked();
    this.#revival.forget();
    this.#retry.reset();
    this.#swap = swap;
    this.#serveOn(wanted);
    this.#setup.events({ type: "swap-finished", ...swap });
    await this.#records.good(artifact, swap);
    this.#outcomes.settle({ result: "live", artifact, swap });
    const { thenTry } = wanted;
    if (thenTry !== undefined && !this.#next.tookThePlaceOf(thenTry)) this.#next.want(thenTry);
  }

  #serveOn(live: WantedRelease | undefined): void {
    this.#state = live === undefined ? { state: "idle" } : { state: "serving", artifact: live.artifact };
  }

  /** The old release serves on, or again; the failed one is not tried again by itself. */
  async #fallBack(
    wanted: WantedRelease,
    before: WantedRelease | undefined,
    trial: Trial,
    { failure, output, siteFault = false }: FailedWorker,
  ): Promise<void> {
    const { events } = this.#setup;
    const { artifact, cause } = wanted;
    this.#trial = undefined;
    this.#live = before;
    if (wanted.firstMs !== undefined && isLate(failure))
      return await this.#next.wantMeanwhile(wanted, readyMsOf(wanted, this.#setup.options));
    const { returned, vacant } = await this.#crew.returnParked((worker) => trial.has(worker));
    const reason = describeFailure(failure, output);
    const live = before?.artifact;
    this.#state = { state: "fallen-back", artifact: live, failed: artifact, reason };
    if (siteFault)
      events({ type: "release-waits", artifact, reason, kept: live, againMs: this.#retry.pauseMs });
    else events({ type: "release-failed", artifact, reason, output, kept: live });
    if (!siteFault && cause !== "reload" && cause !== "refresh") {
      const text = [reason, ...output].join("\n");
      // Without its mark the watcher would find it again at once.
      if (await this.#records.failed(artifact, text)) this.#next.runs(live);
      if (live !== undefined) await this.#records.pointBack(artifact, live);
    }
    this.#outcomes.settle({ result: "failed", artifact, reason, output, live });
    if (siteFault) void this.#next.wantLater(wanted, this.#retry, this.#stopped.signal);
    else this.#retry.reset();
    if (before === undefined) return siteFault ? undefined : await this.#lastGoodInstead(wanted, reason);
    for (const slot of vacant) void this.#revival.revive(slot);
    if (returned && !this.#next.isThere)
      this.#next.want({ ...before, cause: "refresh", pointedAt: undefined });
  }

  async #lastGoodInstead(failed: WantedRelease, reason: string): Promise<void> {
    const { artifact } = failed;
    const next = await this.#next.wantInstead(failed);
    if (next === undefined) {
      const problem = `${artifact} failed: ${reason}, and no other release ever proved good.`;
      throw new InplaceError("START_FAILED", problem);
    }
    if (next.cause !== "last-good") return;
    this.#next.runs(next.artifact);
    await this.#records.pointBack(artifact, next.artifact);
  }

  #died(worker: Worker, slot: number, failure: Failure): void {
    const { artifact, pid } = worker;
    const how = describeFailure(failure);
    this.#setup.events({ type: "worker-died", artifact, pid, how });
    if (this.#trial?.has(worker) === true) this.#trial.died(worker, failure);
    else void this.#revival.revive(slot);
  }

  async #giveUp({ artifact }: WantedRelease): Promise<boolean> {
    const { events } = this.#setup;
    const good = await this.#next.lastGood(artifact);
    if (good === undefined) return false;
    const reason = "it died again and again";
    this.#live = undefined;
    events({ type: "release-failed", artifact, reason, output: [], kept: undefined });
    await this.#records.failed(artifact, reason);
    this.#next.runs(good.artifact);
    await this.#records.pointBack(artifact, good.artifact);
    this.#next.want(good);
    return true;
  }
}
