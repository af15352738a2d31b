import { setTimeout as delay } from "node:timers/promises";
import type { EventSink, PlatformEvent } from "../events.ts";
import { portAnswers } from "../process/first-answer.ts";
import { markGood } from "../site/health-marks.ts";
import { siteHost } from "../site/site-config.ts";
import type { SiteLayout } from "../site/layout.ts";
import type { Instance } from "./instance.ts";

/** A process that nobody asks is asked after so long, milliseconds. */
export const PROOF_UPTIME_MS = 2_000;

/** Marks the artifact that a process runs as good once the process has proved it; also for programs without our runtime. */
export class HealthProof {
  readonly #layout: SiteLayout;
  readonly #events: EventSink<PlatformEvent>;
  readonly #strict: boolean;
  readonly #unproved = new Map<Instance, AbortController>();

  /** strict: nobody asks but visitors; to have stayed up is proof enough. */
  constructor(layout: SiteLayout, events: EventSink<PlatformEvent>, strict: boolean) {
    this.#layout = layout;
    this.#events = events;
    this.#strict = strict;
  }

  /** The instance has begun to listen. */
  watch(instance: Instance): void {
    if (this.#unproved.has(instance)) return;
    const over = new AbortController();
    this.#unproved.set(instance, over);
    this.#ask(instance, over.signal).catch((error: unknown) => this.#unrecorded(error));
  }

  async #ask(instance: Instance, over: AbortSignal): Promise<void> {
    await delay(PROOF_UPTIME_MS, undefined, { signal: over }).catch(() => undefined);
    const { port, own } = instance;
    if (this.#strict || (await portAnswers(port, own, siteHost(this.#layout.root), over)))
      this.#proved(instance);
  }

  answered(instance: Instance, status: number): void {
    if (status < 500 && this.#unproved.size > 0) this.#proved(instance);
  }

  gone(instance: Instance): void {
    this.#unproved.get(instance)?.abort();
    this.#unproved.delete(instance);
  }

  #proved(instance: Instance): void {
    if (!this.#unproved.has(instance)) return;
    this.gone(instance);
    this.#record(instance).catch((error: unknown) => this.#unrecorded(error));
  }

  #unrecorded(error: unknown): void {
    this.#events({
      type: "health-unrecorded",
      problem: error instanceof Error ? error.message : String(error),
    });
  }

  async #record({ artifact, child }: Instance): Promise<void> {
    if (artifact === undefined) return;
    await markGood(this.#layout, artifact);
    this.#events({ type: "artifact-live", artifact, pid: child.pid });
  }
}
