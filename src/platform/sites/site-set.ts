import { asInplaceError } from "../../errors.ts";
import type { EventSink, PlatformEvent } from "../../events.ts";
import type { Exchange, Router } from "../exchange.ts";
import type { Site } from "../site.ts";
import { readSites, type SiteEntry } from "./site-list.ts";
import { SiteMap } from "./site-map.ts";

/** How often the list is read again, milliseconds. */
const LOOK_MS = 1_000;

export interface SiteSetOptions {
  /** See readSites. */
  readonly path: string;
  readonly open: (entry: SiteEntry) => Promise<Site>;
  readonly events: EventSink<PlatformEvent>;
}

interface ListedSite {
  readonly entry: SiteEntry;
  readonly site: Site;
}

/**
 * The sites of a list, as the list is now: one that comes is served within a second or two, one that goes gets no new request and
 * stops gracefully. A list that cannot be read changes nothing.
 */
export class SiteSet implements Router {
  readonly #options: SiteSetOptions;
  readonly #sites = new Map<string, ListedSite>();
  /** Those that the list no longer names, while they stop. */
  readonly #leaving = new Map<Site, Promise<void>>();
  #map = new SiteMap([]);
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** What was wrong with the list at the last look. */
  #problem: string | undefined;

  private constructor(options: SiteSetOptions) {
    this.#options = options;
  }

  /** Throws what readSites does. */
  static async open(options: SiteSetOptions): Promise<SiteSet> {
    const set = new SiteSet(options);
    const entries = await readSites(options.path);
    try {
      await set.#add(entries);
    } catch (error) {
      set.kill();
      throw error;
    }
    set.#lookLater();
    return set;
  }

  get all(): readonly Site[] {
    return [...this.#sites.values()].map(({ site }) => site);
  }

  route(exchange: Exchange): void {
    this.#map.route(exchange);
  }

  async stop(): Promise<void> {
    this.#close();
    // A list on a share that hangs is not waited for; a site that is still being opened never begins.
    await Promise.all([...this.all.map((site) => site.stop()), ...this.#leaving.values()]);
  }

  kill(): void {
    this.#close();
    for (const site of [...this.all, ...this.#leaving.keys()]) site.kill();
  }

  #close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    try {
      const known = [...this.#sites.values()].map(({ entry }) => entry.root);
      await this.#follow(await readSites(this.#options.path, known));
      this.#problem = undefined;
    } catch (error) {
      const { message } = asInplaceError(error);
      if (message !== this.#problem) this.#options.events({ type: "sites-refused", problem: message });
      this.#problem = message;
    }
    this.#lookLater();
  }

  async #follow(entries: readonly SiteEntry[]): Promise<void> {
    const wanted = new Set(entries.map((entry) => keyOf(entry)));
    const come = entries.filter((entry) => !this.#sites.has(keyOf(entry)));
    if (come.length > 0) await this.#add(come, (entry) => this.#tell(entry, { type: "site-added" }));
    for (const [key, { entry, site }] of this.#sites) {
      if (this.#closed) return;
      if (wanted.has(key)) continue;
      this.#sites.delete(key);
      this.#route();
      this.#tell(entry, { type: "site-removed" });
      const failed = (error: unknown): void =>
        this.#tell(entry, { type: "site-failed", problem: asInplaceError(error).message });
      const stopped = site
        .retire()
        .catch(failed)
        .finally(() => this.#leaving.delete(site));
      this.#leaving.set(site, stopped);
    }
  }

  /** Each that can be opened is served, whatever becomes of another. */
  async #add(entries: readonly SiteEntry[], added?: (entry: SiteEntry) => void): Promise<void> {
    const opening = entries.map(async (entry) => {
      const site = await this.#options.open(entry);
      if (this.#closed) {
        site.kill();
        return;
      }
      this.#sites.set(keyOf(entry), { entry, site });
      this.#route();
      added?.(entry);
    });
    await Promise.allSettled(opening);
    await Promise.all(opening);
  }

  #route(): void {
    this.#map = new SiteMap([...this.#sites.values()].map(({ entry, site }) => [entry, site]));
  }

  #tell({ name }: SiteEntry, event: PlatformEvent): void {
    this.#options.events({ type: "of-site", site: name, event });
  }
}

function keyOf({ host, path, root }: SiteEntry): string {
  return JSON.stringify([host, path, root]);
}
