import assert from "node:assert/strict";
import { rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import { markFailed, clearFailed } from "#src/site/health-marks.js";
import { writePointer } from "#src/site/pointer.js";
import { drop } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { publish, RUNNING, stage, watchedSite } from "./watched-site.js";

const PUBLISHES = 20;
/** Far less than the time between two polls, far more than events take on a machine at rest (docs/manual-drop.md). */
const BY_EVENTS_MS = 1_000;

test("published releases are told by file system events, not by polling, each once", async (t) => {
  const site = await watchedSite(t);
  const latencies: number[] = [];
  for (let i = 2; i < 2 + PUBLISHES; i++) {
    await stage(site.layout, `app-${i}.mjs`);
    await writePointer(site.layout, `app-${i}.mjs`);
    const writtenAt = performance.now();
    latencies.push((await site.tells(`app-${i}.mjs`)) - writtenAt);
  }
  const sorted = latencies.sort((a, b) => a - b);
  const median = sorted[PUBLISHES / 2] ?? Infinity;
  t.diagnostic(
    `pointer written to told: median ${median.toFixed(1)} ms, worst ${sorted.at(-1)?.toFixed(1)} ms`,
  );
  assert.equal(site.told().length, PUBLISHES);
  assert.ok(median < BY_EVENTS_MS, `median ${median} ms`);
});

test("further events and looks do not tell a release again", async (t) => {
  const site = await watchedSite(t);
  await publish(site.layout, "app-2.mjs");
  await site.tells("app-2.mjs");
  await writePointer(site.layout, "app-2.mjs");
  const now = new Date();
  await utimes(site.layout.pointer, now, now);
  await site.watcher.check();
  await site.watcher.check();
  assert.deepEqual(site.told(), ["app-2.mjs"]);
});

test("a release that was published while nobody watched is told at the start", async (t) => {
  const site = await watchedSite(t, {}, (layout) => publish(layout, "app-2.mjs"));
  assert.deepEqual(site.told(), ["app-2.mjs"]);
});

test("polling alone tells it as well", async (t) => {
  const site = await watchedSite(t, { pollOnly: true, pollMs: 20 });
  await publish(site.layout, "app-2.mjs");
  await site.tells("app-2.mjs");
  assert.deepEqual(await site.event("watching"), { type: "watching", by: "poll", reason: "asked-for" });
});

test("a rollback to an older release is told, and the way back as well", async (t) => {
  const site = await watchedSite(t);
  await publish(site.layout, "app-2.mjs");
  await site.tells("app-2.mjs");
  await writePointer(site.layout, RUNNING);
  await site.tells(RUNNING);
  assert.deepEqual(site.told(), ["app-2.mjs", RUNNING]);
});

test("a pointer to nothing or with garbage keeps the current release, said once; repaired, it is followed", async (t) => {
  const site = await watchedSite(t);
  await writeFile(site.layout.pointer, "_target/app-9.mjs\n");
  await site.watcher.check();
  await writeFile(site.layout.pointer, "../../etc/passwd\n");
  const refused = (): string[] =>
    site.events.flatMap((event) => (event.type === "pointer-refused" ? [event.code] : []));
  await until("both are said", () => refused().length === 2);
  await site.watcher.check();
  assert.deepEqual(site.told(), []);
  assert.deepEqual(refused(), ["ARTIFACT_MISSING", "POINTER_ESCAPES"]);
  await publish(site.layout, "app-2.mjs");
  await site.tells("app-2.mjs");
});

test("a release that is marked failed is not taken until the mark is cleared", async (t) => {
  const site = await watchedSite(t);
  await stage(site.layout, "app-2.mjs");
  await markFailed(site.layout, "app-2.mjs", "exit code 1");
  await writePointer(site.layout, "app-2.mjs");
  assert.equal((await site.event("release-skipped")).artifact, "app-2.mjs");
  await site.watcher.check();
  assert.deepEqual(site.told(), []);
  await clearFailed(site.layout, "app-2.mjs");
  await writePointer(site.layout, "app-2.mjs");
  await site.tells("app-2.mjs");
});

test("a release that is shorter than its manifest says is not taken", async (t) => {
  const site = await watchedSite(t);
  await stage(site.layout, "app-2.mjs");
  await writeFile(join(site.layout.target, "app-2.mjs"), "/");
  await site.watcher.check();
  await rm(join(site.layout.target, "app-2.mjs"));
  await writePointer(site.layout, "app-2.mjs");
  await site.watcher.check();
  assert.deepEqual(site.told(), []);
});

test("a pointer that was edited by hand to an artifact nobody published is followed once that is adopted", async (t) => {
  const site = await watchedSite(t, {}, async (layout) => {
    await drop(layout, "by hand.mjs");
    await writePointer(layout, RUNNING);
  });
  assert.deepEqual(site.told(), []);
  await writeFile(site.layout.pointer, '"_target\\by hand.mjs"\r\n');
  await site.tells("by hand.mjs");
  assert.equal((await site.event("artifact-adopted")).artifact, "by hand.mjs");
});

test("an owner that says it still runs the old release is told of the new one again", async (t) => {
  const site = await watchedSite(t);
  await publish(site.layout, "app-2.mjs");
  await site.tells("app-2.mjs");
  site.watcher.runs("app-2.mjs");
  await site.watcher.check();
  assert.deepEqual(site.told(), ["app-2.mjs"]);
  site.watcher.runs(RUNNING);
  await site.watcher.check();
  assert.deepEqual(site.told(), ["app-2.mjs", "app-2.mjs"]);
});
