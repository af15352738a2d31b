import { setTimeout as delay } from "node:timers/promises";
import { readRecentHistory, type HistoryEvent } from "../site/history.ts";
import type { SiteLayout } from "../site/layout.ts";

/** So many releases within so many milliseconds are a storm: no team deploys like that, a script gone wild does. */
const STORM_RELEASES = 8;
const STORM_MS = 4_000;
/** A storm is over when no release came for so long, milliseconds. */
const CALM_MS = 1_000;
/** Then the newest is taken though the storm goes on, milliseconds. */
const LONGEST_MS = 5_000;
const LOOK_MS = 200;

const RELEASES: ReadonlySet<HistoryEvent> = new Set(["published", "adopted", "rolled-back"]);

/**
 * Waits while one release follows on the other, so that a site does not spend a storm on starting what is outdated
 * already; otherwise returns at once. onStorm: told once. What keeps the history from being read ends the waiting.
 */
export async function stormOver(layout: SiteLayout, onStorm: () => void): Promise<void> {
  const startedAt = Date.now();
  for (let told = false; Date.now() - startedAt < LONGEST_MS; told = true) {
    const ages = await agesOfReleases(layout).catch(() => []);
    if (ages.filter((age) => age < STORM_MS).length < STORM_RELEASES || Math.min(...ages) > CALM_MS) return;
    if (!told) onStorm();
    await delay(LOOK_MS);
  }
}

/** Milliseconds. By two clocks, where another machine deploys. */
async function agesOfReleases(layout: SiteLayout): Promise<number[]> {
  const records = await readRecentHistory(layout);
  return records
    .filter(({ event }) => RELEASES.has(event))
    .map(({ at }) => Math.abs(Date.now() - Date.parse(at)));
}
