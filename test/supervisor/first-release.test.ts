// What a supervisor begins with: a release that never proved itself does not keep visitors waiting for the last good one.
import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { listFailed, markFailed, markGood, readLastGood } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { readPointer } from "#src/site/pointer.js";
import { app, publish, supervisedSite, type SupervisedSite } from "./supervised-site.js";

/** Long enough for a sound app to start on a loaded machine, and longer than a first release gets. */
const READY_MS = 8_000;

/** After a good release, this one was published while nothing ran. */
function unproven(t: Parameters<typeof supervisedSite>[0], content: string): Promise<SupervisedSite> {
  const prepare = async (layout: SiteLayout): Promise<void> => {
    await publish(layout, "good.mjs", app("good"));
    await markGood(layout, "good.mjs");
    await publish(layout, "new.mjs", content);
  };
  // Its first outcome is that of what serves first.
  return supervisedSite(t, { artifact: "good.mjs", prepare }, { readyMs: READY_MS });
}

const FAILS = [
  ["ends at once", "process.exit(3);"],
  ["hangs", "setInterval(() => undefined, 1000);"],
  ["waits for input", "process.stdin.resume(); setInterval(() => undefined, 1000);"],
  ["listens on another port", app("bad").replace("process.env.PORT", "0")],
] as const;

test("releases that start and never serve, after a good one", { concurrency: true }, async (t) => {
  const each = FAILS.map(([what, content]) =>
    t.test(
      `one that ${what}: the last good one serves meanwhile, and the pointer goes back to it`,
      async (sub) => {
        const site = await unproven(sub, content);
        match(await site.get(), /^good/);
        const ended = await site.outcome("new.mjs");
        equal(ended.result, "failed");
        match(await site.get(), /^good/);
        equal(await readLastGood(site.layout), "good.mjs");
        deepEqual(
          (await listFailed(site.layout)).map(({ artifact }) => artifact),
          ["new.mjs"],
        );
        const pointer = await readPointer(site.layout);
        equal(pointer.state === "names" && pointer.artifact, "good.mjs");
      },
    ),
  );
  const slow = t.test("one that only takes long: it goes live beside the last good one", async (sub) => {
    const site = await unproven(sub, `await new Promise((done) => setTimeout(done, 5_000));${app("new")}`);
    match(await site.get(), /^good/);
    equal((await site.outcome("new.mjs")).result, "live");
    match(await site.get(), /^new/);
    deepEqual(await listFailed(site.layout), []);
  });
  await Promise.all([...each, slow]);
});

test("where no release was ever good, the one that failed is tried again by the next supervisor, and told once", async (t) => {
  const prepare = async (layout: SiteLayout): Promise<void> => {
    await publish(layout, "first.mjs", app("first"));
    await markFailed(layout, "first.mjs", "the database was away");
  };
  const site = await supervisedSite(t, { artifact: "first.mjs", prepare });
  match(await site.get(), /^first/);
  equal(await readLastGood(site.layout), "first.mjs");
  deepEqual(await listFailed(site.layout), []);
});
