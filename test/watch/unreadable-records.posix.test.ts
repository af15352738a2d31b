import assert from "node:assert/strict";
import { rename, rm, symlink } from "node:fs/promises";
import { dirname } from "node:path";
import { test } from "node:test";
import { publish, watchedSite } from "./watched-site.js";

test("records that cannot be looked at, as on a share that fails, are told of; the watch goes on when they can", async (t) => {
  const site = await watchedSite(t, { pollMs: 50 }, async ({ manifests }) => {
    const records = dirname(manifests);
    await rename(records, `${records} aside`);
    await symlink(records, records);
  });
  assert.match((await site.event("look-failed")).message, /\.inplace/);
  const records = dirname(site.layout.manifests);
  await rm(records);
  await rename(`${records} aside`, records);
  await publish(site.layout, "app-2.mjs");
  await site.tells("app-2.mjs");
});
