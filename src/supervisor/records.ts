import type { EventSink, PlatformEvent } from "../events.ts";
import { markFailed, markGood } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { pointBack } from "../site/pointer.ts";
import type { SwapReport } from "./swap-report.ts";

/** Writes into the site what its rollouts show. What cannot be written (a full disk) ends no site: false, and an event. */
export class Records {
  readonly #layout: SiteLayout;
  readonly #events: EventSink<PlatformEvent>;

  constructor(layout: SiteLayout, events: EventSink<PlatformEvent>) {
    this.#layout = layout;
    this.#events = events;
  }

  /** It is live since its switch, whenever it has proved itself. */
  good(artifact: string, swap: SwapReport): Promise<boolean> {
    const at = new Date(Date.parse(swap.startedAt) + swap.switchedAfterMs).toISOString();
    return this.#write(() => markGood(this.#layout, artifact, { at, swap }));
  }

  failed(artifact: string, reason: string): Promise<boolean> {
    return this.#write(() => markFailed(this.#layout, artifact, reason));
  }

  /** Makes the pointer name what runs, if it still names what failed. */
  pointBack(failed: string, live: string): Promise<boolean> {
    return this.#write(() => pointBack(this.#layout, failed, live));
  }

  async #write(write: () => Promise<void>): Promise<boolean> {
    try {
      await write();
      return true;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#events({ type: "health-unrecorded", problem });
      return false;
    }
  }
}
