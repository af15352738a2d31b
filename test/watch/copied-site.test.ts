import assert from "node:assert/strict";
import { chmod, cp, mkdir, readdir, readFile, rm, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { makeCurrent } from "#src/deploy/publish.js";
import type { WatchEvent } from "#src/events.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { watchReleases } from "#src/watch/watch.js";
import { clockPasses, drop, temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { RUNNING, stage } from "./watched-site.js";

/** It lay there before the release, and nobody ever made it one. */
const OLD = "old.mjs";

const COPIES: Readonly<Record<string, (site: SiteLayout, t: TestContext) => Promise<SiteLayout>>> = {
  "cp -r": (site, t) => copyOf(site, t, { preserveTimestamps: false }),
  "cp -a, or rsync -t": (site, t) => copyOf(site, t, { preserveTimestamps: true }),
  "a copy without folders that begin with a dot": async (site, t) => {
    const copy = await copyOf(site, t, { preserveTimestamps: false });
    await rm(dirname(copy.history), { recursive: true });
    return copy;
  },
  "a backup that is put back in its place": async (site, t) => {
    const backup = await copyOf(site, t, { preserveTimestamps: true });
    for (const name of await readdir(site.root)) await rm(join(site.root, name), { recursive: true });
    await cp(backup.root, site.root, { recursive: true, preserveTimestamps: true });
    await touchAll(site);
    return site;
  },
};

for (const [how, copied] of Object.entries(COPIES)) {
  for (const watchedBefore of [true, false]) {
    test(`${how}${watchedBefore ? "" : " of a site that never ran"}: what is old stays so, and a new drop is taken`, async (t) => {
      const site = await siteWithOldFiles(t);
      if (watchedBefore) await (await watched(t, site)).close();
      const copy = await copied(site, t);
      const { events, told, check } = await watched(t, copy);
      await check();
      assert.deepEqual(told(), []);
      assert.match(await readFile(copy.pointer, "utf8"), new RegExp(RUNNING));
      const left = events.flatMap((event) => (event.type === "drops-left-alone" ? event.names : []));
      assert.ok(left.includes(OLD), left.join());
      await drop(copy, "new.mjs");
      await until("the new one is told", () => told().includes("new.mjs"));
      await clockPasses(copy, copy.pointer);
      await drop(copy, OLD, "// written anew\n");
      await until("the old one is told, once it is written anew", () => told().includes(OLD));
    });
  }
}

test("permissions that change for all of a site make nothing new; a touch does", async (t) => {
  const site = await siteWithOldFiles(t);
  const first = await watched(t, site);
  assert.deepEqual(first.told(), []);
  await first.close();
  await clockPasses(site, site.pointer);
  await chmod(join(site.target, OLD), 0o600);
  const { told, check } = await watched(t, site);
  await check();
  assert.deepEqual(told(), []);
  await utimes(join(site.target, OLD), new Date(), new Date());
  await until("it is told", () => told().includes(OLD));
});

/** A current release, and beside it what never was one. */
async function siteWithOldFiles(t: TestContext): Promise<SiteLayout> {
  const layout = await temporarySite(t);
  await drop(layout, OLD);
  await clockPasses(layout, join(layout.target, OLD));
  await stage(layout, RUNNING);
  await makeCurrent(layout, RUNNING, { event: "published" }, () => undefined);
  return layout;
}

/** The pointer first, so that everything else is newer in the copy. */
async function copyOf(
  site: SiteLayout,
  t: TestContext,
  options: { readonly preserveTimestamps: boolean },
): Promise<SiteLayout> {
  const copy = siteLayout(join(await temporaryFolder(t), "copy"));
  await mkdir(copy.root);
  await cp(site.pointer, copy.pointer, options);
  await clockPasses(copy, copy.pointer);
  await cp(site.root, copy.root, { recursive: true, force: false, ...options });
  return copy;
}

async function touchAll({ pointer, target }: SiteLayout): Promise<void> {
  const now = new Date();
  await utimes(pointer, now, new Date(now.getTime() - 1_000));
  await utimes(join(target, OLD), now, now);
}

interface Watched {
  readonly events: readonly WatchEvent[];
  told(): string[];
  check(): Promise<void>;
  close(): Promise<void>;
}

async function watched(t: TestContext, layout: SiteLayout): Promise<Watched> {
  const events: WatchEvent[] = [];
  const watcher = watchReleases(layout, { mine: RUNNING, stillMs: 0, pollMs: 100 }, (event) =>
    events.push(event),
  );
  t.after(() => watcher.close());
  await watcher.ready;
  return {
    events,
    told: () => events.flatMap((event) => (event.type === "release-found" ? [event.artifact] : [])),
    check: () => watcher.check(),
    close: () => watcher.close(),
  };
}
