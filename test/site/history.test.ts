import assert from "node:assert/strict";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  clearFailed,
  isMarkedFailed,
  listFailed,
  markFailed,
  markGood,
  readLastGood,
  recordFailures,
} from "#src/site/health-marks.js";
import { appendHistory, readHistory } from "#src/site/history.js";
import { readReleases } from "#src/site/releases.js";
import { writePointer } from "#src/site/pointer.js";
import { drop, temporarySite } from "../rig/temporary-site.ts";

describe("history", () => {
  it("tells once that a release went live, also when the app and its platform handler both wrote it", async (t) => {
    const layout = await temporarySite(t);
    for (const event of ["published", "live", "live", "failed", "published", "live"] as const) {
      await appendHistory(layout, { event, artifact: "a.mjs" });
    }
    const { records, damagedLines } = await readHistory(layout);
    assert.deepEqual(
      records.map((record) => record.event),
      ["published", "live", "failed", "published", "live"],
    );
    assert.equal(damagedLines, 0);
  });

  it("survives a torn last line: it is counted, and the next record stands on a line of its own", async (t) => {
    const layout = await temporarySite(t);
    await appendHistory(layout, { event: "published", artifact: "a" });
    await appendFile(layout.history, '{"at":"2026-01-01T00:00:00.000Z","ev');
    await appendHistory(layout, { event: "live", artifact: "a" });
    const { records, damagedLines } = await readHistory(layout);
    assert.deepEqual(
      records.map((record) => record.event),
      ["published", "live"],
    );
    assert.equal(damagedLines, 1);
  });
});

describe("health marks", () => {
  it("records live once per change of the last good artifact", async (t) => {
    const layout = await temporarySite(t);
    await markGood(layout, "a.mjs");
    await markGood(layout, "a.mjs");
    await markGood(layout, "b.mjs");
    assert.equal(await readLastGood(layout), "b.mjs");
    const { records } = await readHistory(layout);
    assert.deepEqual(
      records.map((record) => `${record.event} ${record.artifact}`),
      ["live a.mjs", "live b.mjs"],
    );
  });

  it("tells what is written late where it happened, and all else as it is written", async (t) => {
    const layout = await temporarySite(t);
    const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
    const app = (n: number): string => `app-${n}.mjs`;
    await appendHistory(
      layout,
      { event: "published", artifact: app(1), at: at(1) },
      { event: "live", artifact: app(1), at: at(2) },
      { event: "published", artifact: app(2), at: at(10) },
      // A quick rollback, and the one after it.
      { event: "rolled-back", artifact: app(1), at: at(15) },
      { event: "live", artifact: app(2), at: at(11) },
      { event: "published", artifact: app(3), at: at(20) },
      { event: "live", artifact: app(1), at: at(16) },
      // Failed while nobody looked.
      { event: "published", artifact: app(4), at: at(30) },
      { event: "failed", artifact: app(3), at: at(21) },
      // Of a machine whose clock is late: not before it was published.
      { event: "live", artifact: app(4), at: at(3) },
      { event: "pruned", artifact: app(3), at: at(5) },
    );
    const { records } = await readHistory(layout);
    assert.deepEqual(
      records.map(({ event, artifact }) => `${event} ${artifact}`),
      [
        "published app-1.mjs",
        "live app-1.mjs",
        "published app-2.mjs",
        "live app-2.mjs",
        "rolled-back app-1.mjs",
        "live app-1.mjs",
        "published app-3.mjs",
        "failed app-3.mjs",
        "published app-4.mjs",
        "live app-4.mjs",
        "pruned app-3.mjs",
      ],
    );
  });

  it("takes a marker that a launcher left into the history once, with its own time", async (t) => {
    const layout = await temporarySite(t);
    await mkdir(layout.failed, { recursive: true });
    await writeFile(join(layout.failed, "a.mjs"), "exit code 1\r\n");
    await Promise.all([recordFailures(layout), recordFailures(layout), recordFailures(layout)]);
    const { records } = await readHistory(layout);
    assert.deepEqual(
      records.map(({ event, artifact, reason }) => ({ event, artifact, reason })),
      [{ event: "failed", artifact: "a.mjs", reason: "exit code 1" }],
    );
    assert.deepEqual(
      (await listFailed(layout)).map((mark) => mark.artifact),
      ["a.mjs"],
    );
  });

  it("forgets a mark when the artifact is published again, and records a second failure anew", async (t) => {
    const layout = await temporarySite(t);
    await markFailed(layout, "a.mjs", "exit code 1");
    await markFailed(layout, "a.mjs.2", "exit code 2");
    await clearFailed(layout, "a.mjs");
    assert.equal(await isMarkedFailed(layout, "a.mjs"), false);
    assert.equal(await isMarkedFailed(layout, "a.mjs.2"), true);
    await markFailed(layout, "a.mjs", "exit code 3");
    assert.match(await readFile(layout.history, "utf8"), /exit code 1[^]*exit code 2[^]*exit code 3/);
  });
});

describe("releases", () => {
  it("come the most recently published first, each with what is known of it", async (t) => {
    const layout = await temporarySite(t);
    for (const name of ["a.mjs", "b.mjs", "c.mjs", "ignored.tmp"]) await drop(layout, name);
    await appendHistory(layout, { event: "published", artifact: "a.mjs", at: "2026-01-01T00:00:00.000Z" });
    await markGood(layout, "a.mjs");
    await appendHistory(layout, { event: "published", artifact: "b.mjs", at: "2026-01-02T00:00:00.000Z" });
    await writePointer(layout, "b.mjs");
    await markFailed(layout, "b.mjs", "exit code 1");
    const releases = await readReleases(layout);
    assert.deepEqual(
      releases.map(({ artifact, current, lastGood, proven, failed }) => ({
        artifact,
        current,
        lastGood,
        proven,
        failed,
      })),
      [
        { artifact: "b.mjs", current: true, lastGood: false, proven: false, failed: "exit code 1" },
        { artifact: "a.mjs", current: false, lastGood: true, proven: true, failed: undefined },
        { artifact: "c.mjs", current: false, lastGood: false, proven: false, failed: undefined },
      ],
    );
  });
});
