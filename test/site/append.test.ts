import assert from "node:assert/strict";
import { it } from "node:test";
import { appendHistory, readHistory } from "#src/site/history.js";
import { temporarySite } from "../rig/temporary-site.ts";

it("the history keeps every record when many append at the same time", async (t) => {
  const layout = await temporarySite(t);
  await Promise.all(
    Array.from({ length: 50 }, (_, n) => appendHistory(layout, { event: "published", artifact: `a${n}` })),
  );
  const { records, damagedLines } = await readHistory(layout);
  assert.equal(damagedLines, 0);
  assert.equal(new Set(records.map((record) => record.artifact)).size, 50);
});
