import type { EventSink, WatchEvent } from "../events.ts";
import type { SiteLayout } from "../site/layout.ts";
import { Alarm } from "./alarm.ts";
import { hangBell } from "./bell.ts";
import { Look } from "./look.ts";
import { normalWatchOptions, type WatchOptions } from "./options.ts";

/** Least time between two looks that file system events asked for, milliseconds: a growing copy raises thousands. */
const REST_MS = 10;

export interface Watcher {
  /** Resolves after the first look, when file system events are heard. */
  readonly ready: Promise<void>;
  /** Looks now; resolves when this look is over. */
  check(): Promise<void>;
  /** Says which artifact runs now. Without it, that is the one told last. */
  runs(artifact: string | undefined): void;
  close(): Promise<void>;
}

/**
 * Raises `release-found` when another release than the one that runs is to be taken and is whole, once per release.
 * Manual drops are adopted first. Never throws; keeps the process alive until it is closed.
 */
export function watchReleases(
  layout: SiteLayout,
  options: WatchOptions,
  events: EventSink<WatchEvent>,
): Watcher {
  const normal = normalWatchOptions(options);
  const look = new Look(layout, normal, events);
  const alarm: Alarm = new Alarm(async () => {
    const againMs = await look.once();
    if (againMs !== undefined) alarm.in(againMs);
  }, REST_MS);
  const bell = hangBell(layout, normal, () => alarm.in(0), events);
  // Looked at again once events are heard: what happened before raised none.
  const ready = alarm.now().then(async () => {
    await bell.ready;
    await alarm.now();
  });
  return {
    ready,
    check: () => alarm.now(),
    runs: (artifact) => look.runs(artifact),
    async close() {
      await Promise.all([alarm.off(), look.close(), bell.close()]);
    },
  };
}
