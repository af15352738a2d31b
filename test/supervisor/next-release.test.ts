import assert from "node:assert/strict";
import { test } from "node:test";
import type { InplaceEvent } from "#src/events.js";
import { NextRelease } from "#src/supervisor/next-release.js";
import { Outcomes } from "#src/supervisor/outcomes.js";
import { lastGoodRelease, type WantedRelease } from "#src/supervisor/release.js";
import { markGood } from "#src/site/health-marks.js";
import { appendHistory } from "#src/site/history.js";
import { temporarySite } from "../rig/temporary-site.js";
import { publish } from "../watch/watched-site.js";

const [GOOD, LATE, NEWER] = ["app-1.mjs", "app-2.mjs", "app-3.mjs"] as const;

test("whoever waits for a late release learns that a newer one took its place, whatever became of the one between", async (t) => {
  const layout = await temporarySite(t);
  await publish(layout, GOOD);
  await markGood(layout, GOOD);
  const wanted = (artifact: string): WantedRelease => ({
    artifact,
    path: artifact,
    cause: "pointer",
    pointedAt: undefined,
  });
  const ends: readonly ((next: NextRelease) => void | Promise<unknown>)[] = [
    () => undefined,
    // The good one serves, or starts still, or failed.
    (next) => void next.tookThePlaceOf({ ...wanted(GOOD), thenTry: wanted(LATE) }),
    (next) => next.wantInstead({ ...wanted(GOOD), thenTry: wanted(LATE) }),
  ];
  for (const [index, end] of ends.entries()) {
    const outcomes = new Outcomes();
    const events: InplaceEvent[] = [];
    const next = new NextRelease(layout, outcomes, (event) => void events.push(event));
    const outcome = outcomes.of(LATE, AbortSignal.timeout(5_000));
    await next.wantMeanwhile({ ...wanted(LATE), firstMs: 100 }, 100);
    if (index > 0) assert.equal(next.take()?.artifact, GOOD);
    next.want(wanted(NEWER));
    await end(next);
    assert.deepEqual(await outcome, { result: "superseded", artifact: LATE, by: NEWER });
    const late = events.find((event) => event.type === "release-late");
    assert.deepEqual(late, { type: "release-late", artifact: LATE, ms: 100, meanwhile: GOOD });
  }
});

test("where the last good release is gone, one from before it serves, and not the one that it was rolled back from", async (t) => {
  const layout = await temporarySite(t);
  for (const artifact of [GOOD, LATE, NEWER]) {
    await publish(layout, artifact);
    for (const event of ["published", "live"] as const) await appendHistory(layout, { event, artifact });
  }
  await appendHistory(layout, { event: "rolled-back", artifact: LATE });
  await markGood(layout, LATE);
  assert.equal((await lastGoodRelease(layout, LATE))?.artifact, GOOD);
  assert.equal((await lastGoodRelease(layout))?.artifact, LATE);
});
