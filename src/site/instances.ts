import { rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { SiteLayout } from "./layout.ts";
import { beat, createOwned, hasEnded, readOwnership, type Owner } from "./owned-file.ts";
import { namesIn } from "./present.ts";
import { makeFolders } from "./records.ts";

/** How often a running instance of the site gives a sign of life, milliseconds. */
export const INSTANCE_BEAT_MS = 20_000;
/** One on another machine without a sign of life for this long by the file system's clock is gone, milliseconds. */
export const INSTANCE_STALE_MS = 4 * INSTANCE_BEAT_MS;

const ELSEWHERE_MS = 60 * 60_000;

/** One process that serves the site, among those that serve it from the same folder. */
export interface Instance {
  /** How many others are alive. */
  others(): Promise<number>;
  /** At once, for the end of the process. */
  leave(): void;
}

/** Whether another machine serves the site from the same folder, or did so within an hour. */
export async function servedElsewhere(layout: SiteLayout): Promise<boolean> {
  for (const name of await namesIn(layout.instances)) {
    const instance = name.endsWith(".tmp") ? undefined : await readOwnership(join(layout.instances, name));
    if (instance === undefined || instance.owner.host === hostname()) continue;
    // Its clock may be another than ours.
    if (Date.now() - instance.beatAt < ELSEWHERE_MS) return true;
  }
  return false;
}

/** Makes this process known to the others. */
export async function joinInstances(layout: SiteLayout, me: Owner): Promise<Instance> {
  await makeFolders(layout.instances, { within: layout.root });
  const mine = join(layout.instances, me.id);
  await createOwned(mine, me);
  const timer = setInterval(() => {
    beat(mine, me).catch(() => undefined); // Made up for by the next.
  }, INSTANCE_BEAT_MS);
  timer.unref();
  return {
    async others() {
      // My own last sign of life tells the file system's clock closely enough.
      const now = (await readOwnership(mine))?.beatAt ?? 0;
      let alive = 0;
      for (const name of await namesIn(layout.instances)) {
        if (name.endsWith(".tmp")) continue;
        const other = name === me.id ? undefined : await readOwnership(join(layout.instances, name));
        if (other === undefined) continue;
        if (hasEnded(other.owner)) await rm(other.file, { force: true });
        else if (now - other.beatAt <= INSTANCE_STALE_MS) alive += 1;
      }
      return alive;
    },
    leave() {
      clearInterval(timer);
      try {
        rmSync(mine, { force: true });
      } catch {
        // Where the disk became read-only: the others see that this process has ended.
      }
    },
  };
}
