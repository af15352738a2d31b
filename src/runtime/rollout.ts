import type { EventSink, WatchEvent } from "../events.ts";
import { isMarkedFailed } from "../site/health-marks.ts";
import { joinInstances, type Instance } from "../site/instances.ts";
import type { SiteLayout } from "../site/layout.ts";
import { thisProcess } from "../site/owned-file.ts";
import { readPointer } from "../site/pointer.ts";
import { endTurns, takeTurn } from "../site/turn.ts";

/**
 * Lets the instances of a site that share its folder go away one after the other, each when the one before is back. An
 * instance alone goes at once. What keeps the files from being read or written keeps no instance from going.
 */
export class Rollout {
  readonly #layout: SiteLayout;
  readonly #maxUnavailable: number;
  readonly #events: EventSink<WatchEvent>;
  readonly #me = thisProcess();
  #instance: Promise<Instance | undefined> | undefined;

  constructor(layout: SiteLayout, maxUnavailable: number, events: EventSink<WatchEvent>) {
    this.#layout = layout;
    this.#maxUnavailable = maxUnavailable;
    this.#events = events;
  }

  /** Makes this process known to the other instances; once. */
  join(): void {
    this.#instance ??= this.#try(async () => {
      const instance = await joinInstances(this.#layout, this.#me);
      process.on("exit", () => instance.leave());
      return instance;
    });
  }

  /** This process is up: the one that went away before it needs no turn any longer. */
  async isUp(): Promise<void> {
    await this.#try(() => endTurns(this.#layout, this.#me, this.#maxUnavailable));
  }

  /** Resolves when this instance may go for a newer release: false where, meanwhile, none is to be taken any longer. */
  async mayGo(): Promise<boolean> {
    return (await this.#try(() => this.#mayGo())) ?? true;
  }

  async #mayGo(): Promise<boolean> {
    const instance = await this.#instance;
    if (instance === undefined || (await instance.others()) === 0) return true;
    const turn = await takeTurn(this.#layout, this.#me, {
      maxUnavailable: this.#maxUnavailable,
      onWait: ({ host, pid }) => this.#events({ type: "turn-waiting", host, pid }),
    });
    // Whoever went before may have shown the release to be bad, also while this instance was not waiting yet.
    const go = await this.#isReleaseSound();
    if (!go) await turn.giveBack();
    const { waitedMs, taken } = turn;
    this.#events({
      type: "turn-wait-ended",
      waitedMs,
      end: !go ? "not-needed" : taken ? "taken" : "too-long",
    });
    return go;
  }

  async #isReleaseSound(): Promise<boolean> {
    const pointer = await readPointer(this.#layout);
    return pointer.state === "names" && !(await isMarkedFailed(this.#layout, pointer.artifact));
  }

  async #try<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#events({ type: "turn-failed", message: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }
}
