import type { EventSink, SupervisorEvent } from "../events.ts";
import type { Outcomes } from "./outcomes.ts";
import type { WantedRelease } from "./release.ts";

/** The release that is to come next, of which there is one at a time: a newer one takes its place. */
export class NextRelease {
  readonly #outcomes: Outcomes;
  readonly #events: EventSink<SupervisorEvent>;
  #wanted: WantedRelease | undefined;
  #arrived = new AbortController();

  constructor(outcomes: Outcomes, events: EventSink<SupervisorEvent>) {
    this.#outcomes = outcomes;
    this.#events = events;
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

  take(): WantedRelease | undefined {
    const taken = this.#wanted;
    this.#wanted = undefined;
    this.#arrived = new AbortController();
    return taken;
  }

  /** The rollout of this release was given up for the one that is wanted now. */
  tookThePlaceOf(release: WantedRelease): void {
    if (this.#wanted !== undefined) this.#supersede(release, this.#wanted);
  }

  #supersede({ artifact }: WantedRelease, by: WantedRelease): void {
    if (artifact === by.artifact) return;
    this.#events({ type: "release-superseded", artifact, by: by.artifact });
    this.#outcomes.settle({ result: "superseded", artifact, by: by.artifact });
  }
}
