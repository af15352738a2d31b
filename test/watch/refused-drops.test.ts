import assert from "node:assert/strict";
import { chmod, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import { clockPasses, drop } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { watchedSite } from "./watched-site.js";

test("a file that can not be read is refused, said once, and does not keep an older drop from being taken", async (t) => {
  const site = await watchedSite(t, {}, async (layout) => {
    await clockPasses(layout, await drop(layout, "good.mjs"));
    await unreadable(layout, "closed.mjs");
  });
  assert.equal((await site.event("drop-refused")).name, "closed.mjs");
  await site.tells("good.mjs");
  assert.equal(site.events.filter((event) => event.type === "drop-refused").length, 1);
});

/** Everybody may read everything as root, so there it is a folder with a link in it, which is no artifact either. */
async function unreadable(layout: SiteLayout, name: string): Promise<void> {
  if (process.getuid?.() !== 0) return await chmod(await drop(layout, name), 0);
  await mkdir(join(layout.target, name));
  await symlink("/", join(layout.target, name, "link"));
}

test("names that can not be artifacts are refused, each said once", async (t) => {
  const site = await watchedSite(t);
  await drop(site.layout, "a&b.mjs");
  await drop(site.layout, "nul.mjs");
  await until(
    "two refusals",
    () => site.events.filter((event) => event.type === "drop-refused").length === 2,
  );
  await site.watcher.check();
  assert.deepEqual(site.told(), []);
  assert.equal(site.events.filter((event) => event.type === "drop-refused").length, 2);
});

test("a drop that cannot be adopted is told once, however often it is looked at, and taken when it can", async (t) => {
  const site = await watchedSite(t, { stillMs: 0 });
  const { layout, watcher } = site;
  await rm(layout.staging, { recursive: true });
  await writeFile(layout.staging, "in the way");
  for (const name of ["app-2.mjs", "app-2.zip", `${"字".repeat(80)}.mjs`]) {
    const path = await drop(layout, name);
    for (let look = 0; look < 3; look++) await watcher.check();
    const refusals = site.events.filter((event) => event.type === "drop-refused" && event.name === name);
    assert.equal(refusals.length, 1, name);
    await rm(path);
  }
  assert.match((await site.event("drop-refused")).reason, /staging/);
  await rm(layout.staging);
  await drop(layout, "app-3.mjs");
  await site.tells("app-3.mjs");
});

test("a drop that is refused is told again when it was put there again, and nothing about it has changed", async (t) => {
  const site = await watchedSite(t, { stillMs: 50, pollMs: 50 });
  const refusals = (): number => site.events.filter((event) => event.type === "drop-refused").length;
  const path = await drop(site.layout, "empty.mjs", "");
  await until("it is refused", () => refusals() === 1);
  await clockPasses(site.layout, path);
  await chmod(path, 0o600);
  const looks = performance.now();
  await until("it has been looked at again", async () => {
    await site.watcher.check();
    return performance.now() - looks > 150;
  });
  assert.equal(refusals(), 1, "other rights are nothing new");
  await clockPasses(site.layout, path);
  await drop(site.layout, "empty.mjs", "");
  await until("it is refused again", () => refusals() === 2);
  await rm(path);
  await site.watcher.check();
  await drop(site.layout, "empty.mjs", "");
  await until("it is refused a third time", () => refusals() === 3);
  for (let look = 0; look < 3; look++) await site.watcher.check();
  assert.equal(refusals(), 3);
});
