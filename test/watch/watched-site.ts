import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { WatchEvent } from "#src/events.js";
import type { SiteLayout } from "#src/site/layout.js";
import { describeArtifact, writeManifest } from "#src/site/manifest.js";
import { writePointer } from "#src/site/pointer.js";
import type { WatchOptions } from "#src/watch/options.js";
import { watchReleases, type Watcher } from "#src/watch/watch.js";
import { temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

export interface WatchedSite {
  readonly layout: SiteLayout;
  readonly watcher: Watcher;
  readonly events: readonly WatchEvent[];
  /** Names of the releases told so far, in order. */
  told(): string[];
  /** Resolves once this release was told, with the time of `performance.now()` at which it was. */
  tells(artifact: string): Promise<number>;
  /** The first event of this type, waited for. */
  event<T extends WatchEvent["type"]>(type: T): Promise<Extract<WatchEvent, { readonly type: T }>>;
}

export const RUNNING = "app-1.mjs";

/** A site on which RUNNING was published and runs, with a watcher that is ready. */
export async function watchedSite(
  t: TestContext,
  options: Partial<WatchOptions> = {},
  before: (layout: SiteLayout) => Promise<void> = async () => undefined,
): Promise<WatchedSite> {
  const layout = await temporarySite(t);
  await publish(layout, RUNNING);
  await before(layout);
  const events: WatchEvent[] = [];
  const toldAt = new Map<string, number>();
  const watcher = watchReleases(layout, { mine: RUNNING, ...options }, (event) => {
    events.push(event);
    if (event.type === "release-found") toldAt.set(event.artifact, performance.now());
  });
  t.after(() => watcher.close());
  await watcher.ready;
  const told = (): string[] => events.flatMap((e) => (e.type === "release-found" ? [e.artifact] : []));
  return {
    layout,
    watcher,
    events,
    told,
    async tells(artifact) {
      return await until(`${artifact} is told`, () => toldAt.get(artifact));
    },
    async event<T extends WatchEvent["type"]>(type: T) {
      return await until(`an event ${type}`, () =>
        events.find((e): e is Extract<WatchEvent, { readonly type: T }> => e.type === type),
      );
    },
  };
}

/** Publishes as deploy does: staged, manifest, renamed, pointer. */
export async function publish(layout: SiteLayout, artifact: string, content?: string): Promise<void> {
  await stage(layout, artifact, content);
  await writePointer(layout, artifact);
}

/** All of a publish but the pointer. */
export async function stage(
  layout: SiteLayout,
  artifact: string,
  content = `// ${artifact}\n`,
): Promise<void> {
  await mkdir(layout.staging, { recursive: true });
  const staged = join(layout.staging, artifact);
  await writeFile(staged, content, { mode: 0o755 });
  await writeManifest(layout, {
    schemaVersion: 1,
    artifact,
    origin: "deploy",
    builtAt: new Date().toISOString(),
    ...(await describeArtifact(staged)),
  });
  await rename(staged, join(layout.target, artifact));
}
