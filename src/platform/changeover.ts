import { setTimeout as delay } from "node:timers/promises";
import type { EventSink, PlatformEvent } from "../events.ts";
import { toldLines } from "../process/output-tail.ts";
import { isMarkedFailed, markFailed, markGood, readLastGood } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { mayOverlap } from "../site/overlap.ts";
import { pointBack } from "../site/pointer.ts";
import type { Application } from "./application.ts";
import type { StartFailure } from "./backends/start-attempt.ts";
import { launchesSupervisor } from "./launches-supervisor.ts";

/** Before the next candidate where one was given up for something newer, milliseconds; doubled each time up to the longest. */
const CALM_MS = 25;
const LONGEST_CALM_MS = 800;

/** What the processes of a site are to become. */
export interface Change {
  /** A release; undefined: what runs, by a changed web.config. */
  readonly artifact: string | undefined;
  /** Also where that very artifact runs already: its file was replaced, or web.config has changed. */
  readonly again: boolean;
}

/** The site whose application is changed. */
export interface Stage {
  readonly layout: SiteLayout;
  readonly events: EventSink<PlatformEvent>;
  /** What serves; undefined where the site is offline, broken or stopped. */
  serving(): Application | undefined;
  /** By web.config as it is now; nothing is started yet. */
  prepare(): Application;
  /** It serves from now on; resolves when the one before has drained and ended. */
  switchTo(application: Application): Promise<void>;
  /** The same, and the one before is told to stop at once. */
  replaceBy(application: Application): void;
  /** It came to nothing. */
  discard(application: Application): Promise<void>;
  /** This artifact's processes serve on: what is released is to be compared with it. */
  runs(artifact: string | undefined): void;
}

/**
 * Changes a site over, one candidate at a time, and the newest change wins: the candidate starts beside what serves, has to
 * answer, and takes over; what served drains. A candidate that fails changes nothing for visitors. Where the app may not run
 * twice (`"overlap": false`) what serves drains and ends first, and requests are held meanwhile.
 */
export class Changeover {
  readonly #stage: Stage;
  #wanted: Change | undefined;
  #current: Change | undefined;
  #abort = new AbortController();
  #working = false;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  want(change: Change): void {
    const before = this.#wanted ?? this.#current;
    this.#wanted =
      before === undefined
        ? change
        : { artifact: change.artifact ?? before.artifact, again: change.again || before.again };
    this.#abort.abort();
    if (!this.#working) void this.#work();
  }

  /** What is under way is given up. */
  cancel(): void {
    this.#wanted = undefined;
    this.#abort.abort();
  }

  async #work(): Promise<void> {
    this.#working = true;
    let calmMs = CALM_MS;
    for (; this.#wanted !== undefined; calmMs = Math.min(2 * calmMs, LONGEST_CALM_MS)) {
      if (calmMs > CALM_MS) await delay(calmMs);
      if (this.#wanted === undefined) break;
      this.#current = this.#wanted;
      this.#wanted = undefined;
      this.#abort = new AbortController();
      try {
        await this.#change(this.#current, this.#abort.signal);
      } catch (error) {
        this.#unrecorded(error);
      }
    }
    this.#current = undefined;
    this.#working = false;
  }

  async #change(change: Change, signal: AbortSignal): Promise<void> {
    const { layout } = this.#stage;
    const before = this.#stage.serving();
    if (before === undefined) return;
    const supervised = before.instance?.supervises === true && (await launchesSupervisor(layout));
    if (!before.isRunning || supervised) {
      // The launcher, or the supervisor that it has become, takes the newest release by itself.
      if (change.artifact === undefined) this.#stage.replaceBy(this.#stage.prepare());
      // Who deployed learns whether it starts, and no visitor has to wait for that.
      else if (!before.isRunning) before.start();
      return;
    }
    if (!change.again && (await before.isOf(change.artifact))) return;
    if (signal.aborted || this.#stage.serving() !== before) return;
    if (await mayOverlap(layout)) await this.#overlap(change, before, signal);
    else await this.#inTurn(change, before, signal);
  }

  async #overlap(change: Change, before: Application, signal: AbortSignal): Promise<void> {
    const { events } = this.#stage;
    const { artifact } = change;
    const startedAt = Date.now();
    const next = this.#stage.prepare();
    events({ type: "overlap-starting", artifact });
    before.waits = true;
    const failure = await this.#proved(next, artifact, signal);
    if (failure === undefined && !signal.aborted && this.#stage.serving() === before) {
      const previous = before.instance?.artifact;
      events({ type: "overlap-switched", artifact, previous, ms: Date.now() - startedAt });
      this.#stage.switchTo(next).catch((error: unknown) => this.#unrecorded(error));
      return;
    }
    if (signal.aborted || failure === undefined) events({ type: "overlap-given-up", artifact });
    else await this.#failed(change, before.instance?.artifact, failure);
    await this.#stage.discard(next);
    before.waits = false;
  }

  async #inTurn(change: Change, before: Application, signal: AbortSignal): Promise<void> {
    const previous = before.instance?.artifact;
    const next = this.#stage.prepare();
    next.waits = true;
    await this.#stage.switchTo(next);
    const failure = await this.#proved(next, change.artifact, signal);
    if (failure !== undefined && !signal.aborted && this.#stage.serving() === next) {
      await this.#failed(change, previous, failure);
    }
    next.waits = false;
    // What the launcher finds to be right now: the newest release, or the one before.
    if (failure !== undefined && this.#stage.serving() === next) next.start();
  }

  /** Also where the launcher, in one start, fell back to another artifact. */
  async #proved(
    next: Application,
    artifact: string | undefined,
    signal: AbortSignal,
  ): Promise<StartFailure | undefined> {
    const failure = await next.prove(signal);
    const instance = next.instance;
    if (failure !== undefined || instance === undefined || artifact === undefined) return failure;
    if (instance.supervises || instance.artifact === undefined || instance.artifact === artifact)
      return undefined;
    if (!(await isMarkedFailed(this.#stage.layout, artifact))) return undefined;
    return { problem: "It ended before it proved itself.", output: instance.child.output.text() };
  }

  /** What served serves on: the pointer goes back to it, unless somebody has moved it since. */
  async #failed(
    { artifact }: Change,
    kept: string | undefined,
    { problem, output }: StartFailure,
  ): Promise<void> {
    const { layout, events } = this.#stage;
    const lines = toldLines(output);
    events({ type: "overlap-failed", artifact, reason: problem, output: lines, kept });
    // A file that was replaced where it lies: nothing is left to go back to.
    if (artifact === undefined || artifact === kept) return;
    try {
      if (kept !== undefined && (await readLastGood(layout)) === artifact) await markGood(layout, kept);
      await markFailed(layout, artifact, [problem, ...lines].join("\n"));
      if (kept === undefined) return;
      // After the mark, or it would be found again; before the pointer, or what serves would be news.
      this.#stage.runs(kept);
      await pointBack(layout, artifact, kept);
    } catch (error) {
      this.#unrecorded(error);
    }
  }

  #unrecorded(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    this.#stage.events({ type: "health-unrecorded", problem });
  }
}
