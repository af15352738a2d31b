import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { watch, type FSWatcher } from "chokidar";
import type { EventSink, WatchEvent } from "../events.ts";
import type { SiteLayout } from "../site/layout.ts";
import { isNetworkShare } from "../site/network-share.ts";
import type { NormalWatchOptions } from "./options.ts";

/** Rings when something may have happened. What did is for the one who looks. */
export interface Bell {
  /** Resolves when file system events are heard, or polling is all there will be. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

/** Polls always; file system events ring in between, except on a network share, where they get lost. */
export function hangBell(
  layout: SiteLayout,
  options: NormalWatchOptions,
  ring: () => void,
  events: EventSink<WatchEvent>,
): Bell {
  let watched: { readonly watcher: FSWatcher; readonly folders: string } | undefined;
  let busy = false;
  let closed = false;
  let wake = (): void => {};
  const closing = new Promise<void>((done) => (wake = done));

  async function hear(): Promise<void> {
    if (options.pollOnly) return events({ type: "watching", by: "poll", reason: "asked-for" });
    if ((await isNetworkShare(layout.root)) || (await isNetworkShare(layout.target))) {
      return events({ type: "watching", by: "poll", reason: "network-share" });
    }
    await rehang();
    events({ type: "watching", by: "events", reason: "default" });
  }

  async function rehang(): Promise<void> {
    const folders = await identities(layout);
    await watched?.watcher.close();
    if (closed) return;
    watched = { watcher: watchFolders(layout, ring, events), folders };
    const { watcher } = watched;
    await Promise.race([closing, new Promise<void>((done) => watcher.once("ready", done))]);
  }

  // A folder that was removed and made again is another one; what watched the old one hears nothing of the new.
  async function rehangIfReplaced(): Promise<void> {
    if (watched === undefined || busy) return;
    busy = true;
    try {
      if ((await identities(layout)) !== watched.folders) await rehang();
    } finally {
      busy = false;
    }
  }

  const polling = setInterval(() => {
    ring();
    rehangIfReplaced().catch((error: unknown) => events({ type: "watch-failed", message: String(error) }));
  }, options.pollMs);
  polling.unref();

  const ready = hear().catch((error: unknown) => events({ type: "watch-failed", message: String(error) }));
  return {
    ready,
    async close() {
      closed = true;
      wake();
      clearInterval(polling);
      await ready;
      await watched?.watcher.close();
    },
  };
}

// Only the two folders are watched: their events name what changes in them. So a busy site root costs a comparison
// per event, and an artifact in use is never held open.
function watchFolders(layout: SiteLayout, ring: () => void, events: EventSink<WatchEvent>): FSWatcher {
  const folders = [layout.root, layout.target];
  const names: ReadonlySet<string> = new Set([basename(layout.pointer), basename(layout.target)]);
  return watch(layout.root, {
    // Without persistence chokidar listens to no watcher's error event, and a removed folder would end the process.
    persistent: true,
    ignoreInitial: true,
    atomic: false,
    followSymlinks: false,
    depth: 1,
    ignored: (path) => !folders.includes(resolve(path)),
  })
    .on("raw", (_event, name, details) => {
      if (!name || names.has(name) || watchedPath(details) === layout.target) ring();
    })
    .on("error", (error) => {
      events({ type: "watch-failed", message: String(error) });
      ring();
    });
}

function watchedPath(details: unknown): string | undefined {
  const path =
    typeof details === "object" && details !== null && "watchedPath" in details && details.watchedPath;
  return typeof path === "string" ? resolve(path) : undefined;
}

async function identities(layout: SiteLayout): Promise<string> {
  const inodes = [layout.root, layout.target].map(async (folder) => {
    const found = await stat(folder, { bigint: true }).catch(() => undefined);
    return found === undefined ? "none" : `${found.dev}:${found.ino}`;
  });
  return (await Promise.all(inodes)).join(" ");
}
