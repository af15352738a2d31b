import { asInplaceError } from "../errors.ts";
import type { EventSink, InplaceEvent } from "../events.ts";
import type { SiteLayout } from "../site/layout.ts";
import { watchReleases, type Watcher } from "../watch/watch.ts";
import type { Outcomes } from "./outcomes.ts";
import { firstRelease, lastGoodRelease, pointedAt, type WantedRelease } from "./release.ts";
import type { SiteFaultRetry } from "./site-fault.ts";

/** The release that is to come next, of which there is one at a time: a newer one takes its place. */
export class NextRelease {
  readonly #layout: SiteLayout;
  readonly #outcomes: Outcomes;
  readonly #events: EventSink<InplaceEvent>;
  #watcher: Watcher | undefined;
  #wanted: WantedRelease | undefined;
  #arrived = new AbortController();

  constructor(layout: SiteLayout, outcomes: Outcomes, events: EventSink<InplaceEvent>) {
    this.#layout = layout;
    this.#outcomes = outcomes;
    this.#events = events;
  }

  /** Wants what the site is to begin with, and from then on what is released in it. */
  async watch(): Promise<void> {
    const first = await firstRelease(this.#layout, (error) => this.#lookFailed(error));
    if (first === undefined) this.#events({ type: "waiting-for-release" });
    else this.want(first);
    this.#watcher = watchReleases(this.#layout, { mine: first?.artifact }, (event) => {
      this.#events(event);
      if (event.type !== "release-found") return;
      const { artifact, path, cause } = event;
      void pointedAt(this.#layout).then((at) => this.want({ artifact, path, cause, pointedAt: at }));
    });
  }

  /** Resolves when what was released by now is wanted or known. */
  async look(): Promise<void> {
    await this.#watcher?.check();
  }

  /** Which release the watch is to compare with. */
  runs(artifact: string | undefined): void {
    this.#watcher?.runs(artifact);
  }

  async close(): Promise<void> {
    await this.#watcher?.close();
  }

  get isThere(): boolean {
    return this.#wanted !== undefined;
  }

  /** Aborts when a release is wanted that was not when the last one was taken. */
  get arrived(): AbortSignal {
    return this.#arrived.signal;
  }

  want(release: WantedRelease): void {
    if (this.#wanted !== undefined) this.#supersede(this.#wanted, release);
    this.#outcomes.begin(release.artifact);
    this.#wanted = release;
    this.#arrived.abort();
  }

  /** Wants again what was not to blame, when it is time, unless something else is wanted by then. */
  async wantLater(release: WantedRelease, retry: SiteFaultRetry, stopped: AbortSignal): Promise<void> {
    const end = AbortSignal.any([this.arrived, stopped]);
    await retry.due(end);
    if (!end.aborted) this.want(release);
  }

  /** The last good release, unless it is the one named. What cannot be read is told. */
  async lastGood(except: string): Promise<WantedRelease | undefined> {
    try {
      return await lastGoodRelease(this.#layout, except);
    } catch (error) {
      this.#lookFailed(error);
      return undefined;
    }
  }

  /**
   * Wants the last good release, and once that serves the late one again: it may only need longer than whoever started this
   * process waits, and visitors are served meanwhile.
   */
  async wantMeanwhile({ firstMs: _, ...late }: WantedRelease, ms: number): Promise<void> {
    const { artifact } = late;
    const good = await this.lastGood(artifact);
    if (this.isThere) return;
    if (good !== undefined) this.#events({ type: "release-late", artifact, ms, meanwhile: good.artifact });
    this.want(good === undefined ? late : { ...good, thenTry: late });
  }

  /** Wants the last good release after one that failed, if nothing else is wanted by now; gives what is. undefined: nothing. */
  async wantInstead({ artifact, thenTry }: WantedRelease): Promise<WantedRelease | undefined> {
    const good = await this.lastGood(artifact);
    if (this.#wanted !== undefined) {
      if (thenTry !== undefined) this.#supersede(thenTry, this.#wanted);
      return this.#wanted;
    }
    const next = good === undefined ? thenTry : { ...good, thenTry };
    if (next !== undefined) this.want(next);
    return next;
  }

  #lookFailed(error: unknown): void {
    this.#events({ type: "look-failed", message: asInplaceError(error).message });
  }

  take(): WantedRelease | undefined {
    const taken = this.#wanted;
    if (taken === undefined) return undefined;
    this.#wanted = undefined;
    this.#arrived = new AbortController();
    return taken;
  }

  /** This release was given up for the one that is wanted now. Gives whether one is. */
  tookThePlaceOf(release: WantedRelease): boolean {
    if (this.#wanted === undefined) return false;
    this.#supersede(release, this.#wanted);
    return true;
  }

  #supersede({ artifact, thenTry }: WantedRelease, by: WantedRelease): void {
    if (thenTry !== undefined) this.#supersede(thenTry, by);
    if (artifact === by.artifact) return;
    this.#events({ type: "release-superseded", artifact, by: by.artifact });
    this.#outcomes.settle({ result: "superseded", artifact, by: by.artifact });
  }
}
