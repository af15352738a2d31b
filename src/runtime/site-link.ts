import type { Server } from "node:net";
import { loadSiteSide } from "./load-site-side.ts";
import type { SiteOfApp } from "./settings.ts";
import type { SiteSide } from "./site-side.ts";
import { say, sayWatchEvent } from "./words.ts";

/** How the site is watched: as long as a server, or a worker, keeps the process alive, watching may do so too. */
type Mode = "off" | "poll" | "events";

/** The app's process and its site: watches while the app listens, records that it is good. Its failures are said, never thrown. */
export class SiteLink {
  readonly #site: SiteOfApp | undefined;
  readonly #released: (artifact: string) => void;
  readonly #listening = new Set<Server>();
  readonly #notHolding = new WeakSet<Server>();
  #workers = false;
  #good: Promise<boolean> | undefined;
  #mode: Mode = "off";
  #side: Promise<SiteSide | undefined> | undefined;

  constructor(site: SiteOfApp | undefined, released: (artifact: string) => void) {
    // Who watches from outside knows best whether visitors get through, and records it.
    this.#site = site?.watchedOutside === true ? undefined : site;
    this.#released = released;
  }

  listens(server: Server): void {
    this.#listening.add(server);
    this.#watch();
  }

  closed(server: Server): void {
    this.#listening.delete(server);
    this.#watch();
  }

  holds(server: Server, holds: boolean): void {
    if (holds) this.#notHolding.delete(server);
    else this.#notHolding.add(server);
    if (this.#listening.has(server)) this.#watch();
  }

  workerListens(): void {
    this.#workers = true;
    this.#watch();
  }

  proven(): void {
    void this.drained();
  }

  /** Resolves when it is recorded that the app is good; where that failed before, it is tried again. */
  async drained(): Promise<void> {
    if (this.#site === undefined) return;
    const marked = await (this.#good ??= this.#do((side) => side.markGood()));
    if (!marked) this.#good = undefined;
  }

  /** What recycling cost, for who decides whether to go on with it. */
  async recordDrain(ms: number): Promise<void> {
    await this.#do((side) => side.recordDrain(ms));
  }

  #watch(): void {
    const mode = this.#wanted();
    if (mode === this.#mode) return;
    this.#mode = mode;
    void this.#do((side) => {
      if (mode !== this.#mode) return; // It changed while the code was being loaded.
      if (mode === "off") side.stopWatching();
      else side.watch(mode === "poll");
    });
  }

  #wanted(): Mode {
    if (this.#site === undefined) return "off";
    if (this.#workers || [...this.#listening].some((server) => !this.#notHolding.has(server)))
      return "events";
    return this.#listening.size > 0 ? "poll" : "off";
  }

  /** Gives whether it went well. */
  async #do(work: (side: SiteSide) => unknown): Promise<boolean> {
    try {
      const side = await (this.#side ??= this.#open());
      if (side !== undefined) await work(side);
      return true;
    } catch (error) {
      say(`the site's files: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  async #open(): Promise<SiteSide | undefined> {
    if (this.#site === undefined) return undefined;
    const { openSite } = await loadSiteSide((problem) => say(`the site's files: ${problem}; tries again`));
    return openSite(this.#site, this.#released, sayWatchEvent);
  }
}
