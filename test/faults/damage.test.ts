import assert from "node:assert/strict";
import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { listFailed, markGood } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { manifestPath } from "#src/site/manifest.js";
import { writePointer } from "#src/site/pointer.js";
import { until } from "../rig/until.js";
import { fetchText, launch, launchedSite, app } from "../runtime/launched-site.js";
import { supervisedSite } from "../supervisor/supervised-site.js";
import { publish, stage } from "../watch/watched-site.js";
import { APP, deployableSite, serve } from "./served-site.js";

/** For the launchers and the supervisor just a program: none of our runtime runs in it. */
const PROGRAM = `#!${process.execPath}\n${APP.replace('import http from "node:http"', 'const http = require("node:http")')}`;

/** Three releases: `name(0)` was good, `name(1)` was good last, `name(2)` is current, and the latter two have rotted. */
async function damagedSite(
  layout: SiteLayout,
  name: (release: number) => string,
  content: string,
): Promise<void> {
  for (const release of [0, 1]) {
    await publish(layout, name(release), content);
    await markGood(layout, name(release));
  }
  await publish(layout, name(2), content);
  for (const release of [1, 2]) {
    const path = join(layout.target, name(release));
    await writeFile(path, content.replace("createServer", "createServEr"));
    await utimes(path, new Date(0), new Date(0));
  }
  await writePointer(layout, name(2));
}

async function assertMarked(layout: SiteLayout, artifacts: readonly string[]): Promise<void> {
  const marks = await listFailed(layout);
  assert.deepEqual(marks.map(({ artifact }) => artifact).sort(), artifacts);
  for (const { reason } of marks) assert.match(reason, /is not what was published/);
}

test("launcher: where the current and the last good release are damaged, the newest whole one serves", async (t) => {
  const layout = await launchedSite(t);
  await damagedSite(layout, (release) => `app-${release}.mjs`, app());
  const running = launch(t, layout);
  assert.equal(await fetchText(await running.port()), "app-0.mjs");
  await assertMarked(layout, ["app-1.mjs", "app-2.mjs"]);
});

test("launcher: a record that is not what it has to be keeps no app from starting", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  await rm(manifestPath(layout, "app-1.mjs"));
  await mkdir(manifestPath(layout, "app-1.mjs"));
  const running = launch(t, layout);
  assert.equal(await fetchText(await running.port()), "app-1.mjs");
  await assertMarked(layout, []);
});

test("serve: of programs that are not for Node the damaged are not started, and the newest whole one serves", async (t) => {
  const layout = await deployableSite(t);
  await damagedSite(layout, (release) => `program-${release}`, PROGRAM);
  const site = await serve(t, layout);
  await site.serves("program-0");
  await assertMarked(layout, ["program-1", "program-2"]);
});

test("supervise: where the current and the last good release are damaged, the newest whole one serves", async (t) => {
  const site = await supervisedSite(t, {
    artifact: "app-2.mjs",
    prepare: (layout) => damagedSite(layout, (release) => `app-${release}.mjs`, APP),
  });
  const answer = await until("an answer", () => site.get().catch(() => undefined));
  assert.equal((JSON.parse(answer) as { artifact: string }).artifact, "app-0.mjs");
  await assertMarked(site.layout, ["app-2.mjs"]);
});

test("supervise: a release that is damaged before it takes over is not started, and the old one serves on", async (t) => {
  const site = await supervisedSite(t, { artifact: "program-1", content: PROGRAM });
  await stage(site.layout, "program-2", PROGRAM);
  const path = join(site.layout.target, "program-2");
  await writeFile(path, PROGRAM.replace("createServer", "createServEr"));
  await utimes(path, new Date(0), new Date(0));
  await writePointer(site.layout, "program-2");
  const outcome = await site.outcome("program-2");
  assert.ok(outcome.result === "failed" && outcome.live === "program-1", JSON.stringify(outcome));
  assert.match(outcome.reason, /not what was published/);
});
