import { deepEqual, equal } from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { test } from "node:test";
import { listFailed, markFailed, markGood, readLastGood } from "#src/site/health-marks.js";
import { readHistory, readRecentHistory } from "#src/site/history.js";
import type { SiteLayout } from "#src/site/layout.js";
import { temporarySite } from "../rig/temporary-site.js";

async function told(layout: SiteLayout): Promise<readonly string[]> {
  return (await readHistory(layout)).records.map(({ event, artifact }) => `${event} ${artifact}`);
}

test("no artifact is the last good one and failed at the same time", async (t) => {
  const layout = await temporarySite(t);
  await markGood(layout, "a.mjs");
  await markFailed(layout, "a.mjs", "it died again and again");
  equal(await readLastGood(layout), undefined);
  await markGood(layout, "a.mjs");
  equal(await readLastGood(layout), "a.mjs");
  deepEqual(await listFailed(layout), []);
  deepEqual(await told(layout), ["live a.mjs", "failed a.mjs", "live a.mjs"]);
});

test("what is started for want of another and fails again and again is told once, with its last reason", async (t) => {
  const layout = await temporarySite(t);
  for (const reason of ["first", "second", "third"]) await markFailed(layout, "a.mjs", reason);
  equal((await listFailed(layout))[0]?.reason, "third");
  deepEqual(await told(layout), ["failed a.mjs"]);
});

test("a program that marks itself good is told of as live, once for each time that it became so", async (t) => {
  const layout = await temporarySite(t);
  await mkdir(dirname(layout.lastGood), { recursive: true });
  for (const artifact of ["a", "a", "b", "b", "a", "a"]) {
    await writeFile(layout.lastGood, `${artifact}\n`);
    await markGood(layout, artifact);
  }
  const lines = (await readRecentHistory(layout)).map(({ event, artifact }) => `${event} ${artifact}`);
  deepEqual(lines, ["live a", "live b", "live a"]);
});
