/** What needs the site's files: loaded once the app listens, so that it does not cost start-up time. */
import { asInplaceError } from "../errors.ts";
import type { WatchEvent } from "../events.ts";
import { markGood } from "../site/health-marks.ts";
import { recordDrain } from "../site/last-drain.ts";
import { siteLayout } from "../site/layout.ts";
import type { SiteOfApp } from "./settings.ts";
import { Rollout } from "./rollout.ts";
import { stormOver } from "./storm.ts";
import { watchReleases, type Watcher } from "../watch/watch.ts";

export interface SiteSide {
  /** Watches until it is closed, or called again; released is called with each newer release. */
  watch(pollOnly: boolean): void;
  stopWatching(): void;
  /** Records that this artifact proved itself. */
  markGood(): Promise<void>;
  /** Records how long it took to answer what it had. */
  recordDrain(ms: number): Promise<void>;
}

export function openSite(
  { root, artifact, identity, maxUnavailable }: SiteOfApp,
  released: (artifact: string) => void,
  say: (event: WatchEvent) => void,
): SiteSide {
  const layout = siteLayout(root);
  const rollout = new Rollout(layout, maxUnavailable, say);
  let waiting = false;
  let watcher: Watcher | undefined;
  // The app goes on whatever becomes of watching its site.
  const failed = (error: unknown): void =>
    say({ type: "watch-failed", message: asInplaceError(error).message });
  const stopWatching = (): void => {
    watcher?.close().catch(failed);
    watcher = undefined;
  };
  const take = async (release: string): Promise<void> => {
    if (waiting) return;
    waiting = true;
    await stormOver(layout, () => say({ type: "storm" }));
    const go = await rollout.mayGo();
    waiting = false;
    if (go) released(release);
    else watcher?.runs(artifact);
  };
  return {
    watch(pollOnly) {
      rollout.join();
      stopWatching();
      const asked = pollOnly ? { pollOnly } : {};
      watcher = watchReleases(layout, { mine: artifact, identity, ...asked }, (event) => {
        say(event);
        if (event.type === "release-found") take(event.artifact).catch(failed);
      });
    },
    stopWatching,
    recordDrain: (ms) => recordDrain(layout, { artifact, ms }),
    async markGood() {
      await rollout.isUp();
      await markGood(layout, artifact);
    },
  };
}
