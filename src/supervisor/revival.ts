import { setTimeout as delay } from "node:timers/promises";
import type { EventSink, SupervisorEvent } from "../events.ts";
import { CrashPolicy } from "./crash-policy.ts";
import type { Crew } from "./crew.ts";
import { asInplaceError } from "../errors.ts";
import type { NormalSuperviseOptions } from "./options.ts";
import { prove } from "./proof.ts";
import type { WantedRelease } from "./release.ts";
import { isSiteFault, type SiteFaultRetry } from "./site-fault.ts";
import { describeFailure } from "./state.ts";
import type { Worker } from "./worker.ts";

export interface RevivalContext {
  readonly crew: Crew;
  readonly options: NormalSuperviseOptions;
  readonly events: EventSink<SupervisorEvent>;
  readonly stopped: AbortSignal;
  readonly retry: SiteFaultRetry;
  readonly launch: (release: WantedRelease) => Promise<Worker>;
  /** What is to run; undefined: nothing is. */
  readonly live: () => WantedRelease | undefined;
  /** The release dies again and again. Gives whether another one takes its place. */
  readonly giveUp: (release: WantedRelease) => Promise<boolean>;
}

/** Puts new workers of the live release where one died, with growing pauses. Connections wait meanwhile. */
export class Revival {
  readonly #context: RevivalContext;
  readonly #slots = new Set<number>();
  readonly #crashes = new CrashPolicy();

  constructor(context: RevivalContext) {
    this.#context = context;
  }

  /** A release has proved itself: earlier deaths count no more. */
  forget(): void {
    this.#crashes.forget();
  }

  /** Never rejects; ends when somebody serves in the slot, or nothing is to run any more. */
  async revive(slot: number): Promise<void> {
    if (this.#slots.has(slot)) return;
    this.#slots.add(slot);
    try {
      for (let live = this.#toRevive(slot); live !== undefined; live = this.#toRevive(slot)) {
        await this.#tryOnce(slot, live);
      }
    } finally {
      this.#slots.delete(slot);
    }
  }

  #toRevive(slot: number): WantedRelease | undefined {
    const { crew, stopped, live } = this.#context;
    return stopped.aborted || !crew.isVacant(slot) ? undefined : live();
  }

  async #tryOnce(slot: number, live: WantedRelease): Promise<void> {
    const { events, stopped, giveUp, retry } = this.#context;
    let pauseMs = this.#crashes.died();
    if (pauseMs === "give-up") {
      if (await giveUp(live)) return;
      pauseMs = this.#crashes.pause();
    }
    events({ type: "worker-restarting", artifact: live.artifact, pauseMs });
    await delay(pauseMs, undefined, { signal: stopped }).catch(() => undefined);
    if (this.#toRevive(slot) !== live) return;
    for (;;) {
      try {
        return await this.#launchInto(slot, live);
      } catch (error) {
        events({
          type: "worker-not-restarted",
          artifact: live.artifact,
          reason: asInplaceError(error).message,
        });
        if (!isSiteFault(error)) return;
      }
      // It has not died again: another release would not start either.
      await retry.due(stopped);
      if (this.#toRevive(slot) !== live) return;
    }
  }

  async #launchInto(slot: number, live: WantedRelease): Promise<void> {
    const { crew, options, stopped, launch } = this.#context;
    const worker = await launch(live);
    const wanted = (): boolean => this.#toRevive(slot) === live;
    try {
      const failure = await prove(worker, options, stopped);
      if (failure !== undefined) throw new Error(describeFailure(failure));
      if (wanted()) {
        await crew.fill(slot, worker, wanted);
        return;
      }
    } catch (error) {
      await worker.kill();
      if (!stopped.aborted) throw error;
      return;
    }
    await worker.kill();
  }
}
