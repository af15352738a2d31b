import type { EventSink, PlatformEvent } from "../../events.ts";
import { markFailed, readLastGood } from "../../site/health-marks.ts";
import type { SiteLayout } from "../../site/layout.ts";
import { pointBack, pointedArtifact } from "../../site/pointer.ts";
import { provenBefore } from "../../site/release-line.ts";

/** A release is on probation for so long after it went live, milliseconds. */
const PROBATION_MS = 60_000;
/** It may end by itself less often than this meanwhile. */
const MOST_ENDS = 3;

/** How a process ended that nobody asked to. */
export interface Fault {
  readonly how: string;
  /** It lived on, and its launcher was ended with it: nobody else marks what it ran. */
  readonly byUs: boolean;
}

/**
 * Goes back from a release that has hardly gone live and whose processes end by themselves again and again, or that closed its
 * port before it was: marks it as failed, and points at the last one before it that was live. Never rejects.
 */
export class Probation {
  readonly #layout: SiteLayout;
  readonly #events: EventSink<PlatformEvent>;
  #artifact: string | undefined;
  #until = 0;
  #ends = 0;
  #goesBack = false;

  constructor(layout: SiteLayout, events: EventSink<PlatformEvent>) {
    this.#layout = layout;
    this.#events = events;
  }

  /** The artifact has just gone live. */
  begin(artifact: string): void {
    this.#artifact = artifact;
    this.#until = Date.now() + PROBATION_MS;
    this.#ends = 0;
  }

  async ended(artifact: string, { how, byUs }: Fault): Promise<void> {
    try {
      if (this.#artifact === artifact && Date.now() < this.#until) {
        this.#ends += 1;
        if (this.#ends < MOST_ENDS) return;
        await this.#goBack(artifact, `${how}, ${this.#ends} times since it went live.`);
      } else if (byUs && (await readLastGood(this.#layout)) !== artifact) {
        await this.#goBack(artifact, `${how}.`);
      }
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#events({ type: "health-unrecorded", problem });
    }
  }

  async #goBack(artifact: string, reason: string): Promise<void> {
    if (this.#goesBack) return;
    this.#goesBack = true;
    try {
      if ((await pointedArtifact(this.#layout)) !== artifact) return;
      const before = (await provenBefore(this.#layout, artifact))[0]?.artifact;
      if (before === undefined) return;
      this.#artifact = undefined;
      this.#events({ type: "overlap-failed", artifact, reason, output: [], kept: before });
      await markFailed(this.#layout, artifact, reason);
      await pointBack(this.#layout, artifact, before);
    } finally {
      this.#goesBack = false;
    }
  }
}
