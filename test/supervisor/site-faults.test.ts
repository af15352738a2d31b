import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { listFailed } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { readPointer } from "#src/site/pointer.js";
import { until } from "../rig/until.js";
import { app, publish, supervisedSite, type SupervisedSite } from "./supervised-site.js";

const configPath = ({ root }: SiteLayout): string => join(root, "inplace.config.json");

/** Who may deploy could replace a key in the site: until that is mended nothing is started. */
async function breakConfiguration(layout: SiteLayout): Promise<void> {
  await writeFile(configPath(layout), '{ "requireSignature": "key.pem" }');
}

async function waits(site: SupervisedSite): Promise<void> {
  await until(
    () => JSON.stringify(site.events.slice(-5)),
    () => site.events.some(({ type }) => type === "release-waits"),
  );
  assert.deepEqual(await listFailed(site.layout), []);
}

test("what the site's configuration keeps from starting is not marked, what serves serves on, and it is tried again", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") });
  const { layout, supervisor } = site;
  await breakConfiguration(layout);
  const outcome = await site.deploy("app-2.mjs", app("2"));
  assert.equal(outcome.result, "failed");
  await waits(site);
  assert.match(await site.get(), /^1/);
  const pointer = await readPointer(layout);
  assert.equal(pointer.state === "names" && pointer.artifact, "app-2.mjs");
  supervisor.reload();
  await until(
    "the reload waits too",
    () => site.events.filter(({ type }) => type === "release-waits").length > 1,
  );
  assert.match(await site.get(), /^1/);

  await publish(layout, "app-3.mjs", app("3"));
  await until("the newest waits", () =>
    site.events.some((event) => event.type === "release-waits" && event.artifact === "app-3.mjs"),
  );
  await rm(configPath(layout));
  await until(
    () => `the newest is live: ${JSON.stringify(site.events.slice(-12))}`,
    async () => (await site.get()).startsWith("3"),
  );
  assert.deepEqual(await listFailed(layout), []);
});

test("nor where nothing serves yet", async (t) => {
  const site = await supervisedSite(t, {
    artifact: "app-1.mjs",
    prepare: async (layout) => {
      await breakConfiguration(layout);
      await publish(layout, "app-1.mjs", app("1"));
    },
  });
  await waits(site);
  await rm(configPath(site.layout));
  await until("it is live", async () => (await site.get().catch(() => "")).startsWith("1"));
});

test("a worker that dies meanwhile is not the release's failure either", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") });
  await breakConfiguration(site.layout);
  await site.get("/crash").catch(() => undefined);
  await until("its restart is tried", () => site.events.some(({ type }) => type === "worker-not-restarted"));
  assert.deepEqual(await listFailed(site.layout), []);
  await rm(configPath(site.layout));
  assert.match(await site.get(), /^1/);
});
