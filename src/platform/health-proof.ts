import type { EventSink, PlatformEvent } from "../events.ts";
import { clearFailed, isMarkedFailed, markGood } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import type { Instance } from "./instance.ts";

/** A process that has listened for so long counts as healthy without having answered, milliseconds. */
export const PROOF_UPTIME_MS = 2_000;

/** Marks the artifact that a process runs as good once the process has proved it; also for programs without our runtime. */
export class HealthProof {
  readonly #layout: SiteLayout;
  readonly #events: EventSink<PlatformEvent>;
  readonly #unproved = new Map<Instance, NodeJS.Timeout>();

  constructor(layout: SiteLayout, events: EventSink<PlatformEvent>) {
    this.#layout = layout;
    this.#events = events;
  }

  /** The instance has begun to listen. */
  watch(instance: Instance): void {
    if (this.#unproved.has(instance)) return;
    this.#unproved.set(
      instance,
      setTimeout(() => this.#proved(instance), PROOF_UPTIME_MS),
    );
  }

  answered(instance: Instance, status: number): void {
    if (status < 500 && this.#unproved.size > 0) this.#proved(instance);
  }

  gone(instance: Instance): void {
    clearTimeout(this.#unproved.get(instance));
    this.#unproved.delete(instance);
  }

  #proved(instance: Instance): void {
    if (!this.#unproved.has(instance)) return;
    this.gone(instance);
    this.#record(instance).catch((error: unknown) => {
      this.#events({
        type: "health-unrecorded",
        problem: error instanceof Error ? error.message : String(error),
      });
    });
  }

  async #record({ artifact, child }: Instance): Promise<void> {
    if (artifact === undefined) return;
    await markGood(this.#layout, artifact);
    // It was started all the same, for want of another, and it works.
    if (await isMarkedFailed(this.#layout, artifact)) await clearFailed(this.#layout, artifact);
    this.#events({ type: "artifact-live", artifact, pid: child.pid });
  }
}
