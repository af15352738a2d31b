import { setTimeout as delay } from "node:timers/promises";
import type { EventSink, PlatformEvent } from "../events.ts";
import { portAnswers } from "../process/first-answer.ts";
import { accepts } from "../process/port.ts";
import { markGood, readLastGood } from "../site/health-marks.ts";
import { PROOF_UPTIME_MS } from "../site/proof.ts";
import { siteHost } from "../site/site-config.ts";
import type { SiteLayout } from "../site/layout.ts";
import { artifactNow } from "./backends/artifact-now.ts";
import type { Instance } from "./instance.ts";

export interface ProofOptions {
  readonly layout: SiteLayout;
  readonly events: EventSink<PlatformEvent>;
  /** Nobody asks but visitors; to have stayed up and to listen is proof enough. */
  readonly strict: boolean;
  /** Another application starts processes of this site, too. */
  readonly overlaps: () => boolean;
  /** Nobody listens at its port any more. */
  readonly closed: (instance: Instance) => void;
  /** It is not the artifact that was the last good one. */
  readonly live: (artifact: string) => void;
}

interface Unproved {
  readonly over: AbortController;
  /** A visitor had an answer from what the process runs. */
  answered: boolean;
}

/**
 * Marks the artifact that a process runs as good once it has stayed up and answered; also for programs without our runtime.
 * A launcher that falls back to another artifact in the same process begins anew.
 */
export class HealthProof {
  readonly #options: ProofOptions;
  readonly #unproved = new Map<Instance, Unproved>();

  constructor(options: ProofOptions) {
    this.#options = options;
  }

  /** The instance has begun to listen. */
  watch(instance: Instance): void {
    if (this.#unproved.has(instance)) return;
    const unproved = { over: new AbortController(), answered: false };
    this.#unproved.set(instance, unproved);
    this.#prove(instance, unproved).catch((error: unknown) => this.#unrecorded(error));
  }

  answered(instance: Instance, status: number): void {
    const unproved = this.#unproved.get(instance);
    if (unproved !== undefined && status < 500) unproved.answered = true;
  }

  gone(instance: Instance): void {
    this.#unproved.get(instance)?.over.abort();
    this.#unproved.delete(instance);
  }

  async #prove(instance: Instance, unproved: Unproved): Promise<void> {
    const { layout, overlaps } = this.#options;
    const { signal } = unproved.over;
    while (!signal.aborted) {
      const { artifact } = instance;
      unproved.answered = false;
      await delay(PROOF_UPTIME_MS, undefined, { signal }).catch(() => undefined);
      if (!(await this.#serves(instance, unproved))) continue;
      const now = await artifactNow(layout, instance, overlaps());
      instance.artifact = now ?? artifact;
      if (now !== undefined && now === artifact) break;
      if (artifact === undefined) return this.gone(instance);
    }
    if (signal.aborted) return;
    this.gone(instance);
    await this.#record(instance);
  }

  async #serves(instance: Instance, { over: { signal }, answered }: Unproved): Promise<boolean> {
    const { port, own } = instance;
    const { layout, strict, closed } = this.#options;
    const open = await accepts(port);
    if (!open && !strict && !signal.aborted) closed(instance);
    return open && (strict || answered || (await portAnswers(port, own, siteHost(layout.root), signal)));
  }

  #unrecorded(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    this.#options.events({ type: "health-unrecorded", problem });
  }

  async #record({ artifact, child }: Instance): Promise<void> {
    if (artifact === undefined) return;
    const { layout, events, live } = this.#options;
    if ((await readLastGood(layout)) !== artifact) live(artifact);
    await markGood(layout, artifact);
    events({ type: "artifact-live", artifact, pid: child.pid });
  }
}
