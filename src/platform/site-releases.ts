import type { WatchEvent } from "../events.ts";
import { isMarkedFailed, readLastGood } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { pointedArtifact } from "../site/pointer.ts";
import { watchReleases, type Watcher } from "../watch/watch.ts";

/** The watch for releases of a site, and the one that it compares with. */
export class SiteReleases {
  readonly #layout: SiteLayout;
  #known: string | undefined;
  #watcher: Watcher | undefined;

  constructor(layout: SiteLayout) {
    this.#layout = layout;
  }

  /** What is released from now on is news. */
  async remember(): Promise<void> {
    this.#known = await pointedArtifact(this.#layout);
  }

  /** env: of the processes of the site, as it is at each look. */
  watch(env: () => NodeJS.ProcessEnv, tell: (event: WatchEvent) => void): void {
    this.#watcher = watchReleases(this.#layout, { mine: this.#known, env }, (event) => {
      if (event.type === "release-found") this.#known = event.artifact;
      tell(event);
    });
  }

  /** Nobody knows yet whether the known one serves: it was deployed while nothing did. */
  async isUntried(): Promise<boolean> {
    const known = this.#known;
    if (known === undefined || (await readLastGood(this.#layout)) === known) return false;
    return !(await isMarkedFailed(this.#layout, known));
  }

  /** This artifact's processes serve. */
  runs(artifact: string | undefined): void {
    if (artifact === this.#known) return;
    this.#known = artifact;
    this.#watcher?.runs(artifact);
  }

  async close(): Promise<void> {
    await this.#watcher?.close();
  }
}
