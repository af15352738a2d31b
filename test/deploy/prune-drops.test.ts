import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { prune } from "#src/deploy/prune.js";
import { markFailed, markGood } from "#src/site/health-marks.js";
import { appendHistory } from "#src/site/history.js";
import { asDeployer, type SiteLayout } from "#src/site/layout.js";
import { writePointer } from "#src/site/pointer.js";
import { drop, temporarySite } from "../rig/temporary-site.js";

test("however many drops came after it, prune keeps what a deploy published last, and the last of these that proved healthy", async (t) => {
  const layout = await temporarySite(t);
  let minute = 0;
  const becomes = async (event: "published" | "adopted", artifact: string, good = true): Promise<void> => {
    await drop(layout, artifact);
    await appendHistory(layout, { event, artifact, at: new Date(60_000 * (minute += 1)).toISOString() });
    if (good) await markGood(layout, artifact);
  };
  await becomes("published", "shop-1.mjs");
  await becomes("published", "shop-2.mjs");
  await becomes("published", "shop-3.mjs", false);
  await becomes("published", "shop-4.mjs", false);
  await markFailed(layout, "shop-4.mjs", "exit code 1");
  await becomes("published", "replaced.mjs");
  await becomes("adopted", "replaced.mjs");
  for (let count = 1; count <= 12; count += 1) await becomes("adopted", `drop-${count}.mjs`);
  await writePointer(layout, "drop-12.mjs");
  await pruned(layout, 2);
  const kept = ["drop-11.mjs", "drop-12.mjs", "shop-2.mjs", "shop-4.mjs"];
  assert.deepEqual((await readdir(layout.target)).sort(), kept);
});

async function pruned(layout: SiteLayout, keep: number): Promise<void> {
  const { signal } = new AbortController();
  await prune({ layout: asDeployer(layout), keep, dryRun: false, waitMs: 0, signal, emit: () => undefined });
}
