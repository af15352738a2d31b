import assert from "node:assert/strict";
import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { startSlot } from "#src/fronts/haproxy/slot.js";
import { markFailed } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { pointBack, writePointer } from "#src/site/pointer.js";
import { documentsOf } from "../cli/documents.js";
import { dropFolder, folderAsEntry } from "../rig/folder-release.js";
import { freePort } from "../rig/free-port.js";
import { clockPasses, drop, temporarySite } from "../rig/temporary-site.js";
import { publish, RUNNING, stage, watchedSite } from "../watch/watched-site.js";

/** What may lie where a record of the site should. */
const PLACES: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  "a folder": (path) => mkdir(join(path, "in the way"), { recursive: true }),
  "a loop of links": (path) => symlink(path, path),
};

const RECORDS: Readonly<Record<string, (layout: SiteLayout) => string>> = {
  manifests: (layout) => layout.manifests,
  "the last good one": (layout) => layout.lastGood,
  "the history": (layout) => layout.history,
  "the lock": (layout) => layout.lock,
  "the failed ones": (layout) => layout.failed,
  "the pinned ones": (layout) => layout.pinned,
  "the configuration": ({ root }) => join(root, "inplace.config.json"),
  "web.config": (layout) => layout.webConfig,
  "the target folder": (layout) => layout.target,
};

const VERBS: readonly (readonly string[])[] = [
  ["status"],
  ["history"],
  ["doctor"],
  ["prune", "--dry-run"],
  ["rollback", "--yes"],
];

for (const [what, put] of Object.entries(PLACES)) {
  test(`${what} in the place of a record is an expected error with a code, for every verb`, async (t) => {
    const roots: string[] = [];
    for (const path of Object.values(RECORDS)) {
      const layout = await temporarySite(t);
      await writeFile(layout.webConfig, "<configuration/>");
      await publish(layout, "app-1.mjs");
      await publish(layout, "app-2.mjs");
      await rm(path(layout), { recursive: true, force: true });
      await mkdir(dirname(path(layout)), { recursive: true });
      await put(path(layout));
      roots.push(layout.root);
    }
    const lines = roots.flatMap((root) => VERBS.map((verb) => [...verb, "--site-root", root]));
    const answers = await documentsOf(t, roots[0] ?? "", lines);
    for (const [at, record] of Object.keys(RECORDS).entries()) {
      await t.test(record, () => {
        for (const { document } of answers.slice(at * VERBS.length, (at + 1) * VERBS.length))
          assert.notEqual(document.error?.code, "INTERNAL", JSON.stringify(document));
      });
    }
  });
}

test("one name in the target folder that cannot be looked into keeps no other from being taken", async (t) => {
  const site = await watchedSite(t, { pollMs: 50, stillMs: 50 });
  const { layout } = site;
  await mkdir(join(layout.manifests, "odd.mjs.json"), { recursive: true });
  await drop(layout, "odd.mjs");
  await symlink(join(layout.target, "loop"), join(layout.target, "loop"));
  const refused = await site.event("drop-refused");
  assert.ok(["odd.mjs", "loop"].includes(refused.name));
  await drop(layout, "app-2.mjs");
  await site.tells("app-2.mjs");
});

test("a pointer to what cannot be read keeps no drop from being taken", async (t) => {
  const site = await watchedSite(t, { pollMs: 50, stillMs: 50 });
  const { layout } = site;
  const manifest = join(layout.manifests, "app-2.mjs.json");
  await publish(layout, "app-2.mjs");
  await site.tells("app-2.mjs");
  await rename(manifest, `${manifest}.aside`);
  await mkdir(manifest);
  await drop(layout, "app-3.mjs");
  await site.tells("app-3.mjs");
  assert.match(await readFile(layout.pointer, "utf8"), /app-3/);
});

test("after a drop that failed, a live release whose manifest cannot be read keeps no other from being taken", async (t) => {
  const site = await watchedSite(t, { pollMs: 50, stillMs: 50 });
  const { layout, watcher } = site;
  await drop(layout, "bad.mjs");
  await site.tells("bad.mjs");
  const manifest = join(layout.manifests, `${RUNNING}.json`);
  await rm(manifest);
  await mkdir(manifest);
  await markFailed(layout, "bad.mjs", "exit code 1");
  await pointBack(layout, "bad.mjs", RUNNING);
  watcher.runs(RUNNING);
  await watcher.check();
  await drop(layout, "good.mjs");
  await site.tells("good.mjs");
  watcher.runs(RUNNING);
  await publish(layout, "app-2.mjs");
  await site.tells("app-2.mjs");
});

test("a published release that is not as its manifest says is not taken, and that is told once", async (t) => {
  const site = await watchedSite(t, { pollMs: 50, stillMs: 50 });
  const { layout } = site;
  await stage(layout, "app-2.mjs");
  const path = join(layout.target, "app-2.mjs");
  await writeFile(path, "/");
  await clockPasses(layout, path);
  await writePointer(layout, "app-2.mjs");
  const { code, message } = await site.event("pointer-refused");
  assert.equal(code, "ARTIFACT_INCOMPLETE");
  assert.match(message, /app-2\.mjs/);
  await site.watcher.check();
  assert.equal(site.events.filter(({ type }) => type === "pointer-refused").length, 1);
  assert.deepEqual(site.told(), []);
});

test("an artifact that cannot be started behind HAProxy says so with a code, and nothing of it runs", async (t) => {
  const layout = await temporarySite(t);
  await dropFolder(layout, "bad", folderAsEntry(""));
  const port = await freePort();
  const health = { address: "127.0.0.1", port, path: "/", timeoutMs: 1_000 };
  const order = { slot: 1, artifact: "bad", port, health, startMs: 5_000, drainMs: 1_000 } as const;
  await assert.rejects(startSlot(layout, order), { code: "ARTIFACT_INCOMPLETE", message: /_entry\.txt/ });
});
