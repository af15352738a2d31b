// Which release takes the place of one that ends by itself.
import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import type { PlatformEvent } from "#src/events.js";
import { Probation } from "#src/platform/backends/probation.js";
import { isMarkedFailed } from "#src/site/health-marks.js";
import { appendHistory } from "#src/site/history.js";
import { pointedArtifact, writePointer } from "#src/site/pointer.js";
import { temporarySite } from "../rig/temporary-site.js";
import { publish } from "../watch/watched-site.js";

test("after a rollback it goes back, not forth to the release that was left; once, however many end at a time", async (t) => {
  const layout = await temporarySite(t);
  await mkdir(layout.target, { recursive: true });
  const [a, b, c] = ["app-1.mjs", "app-2.mjs", "app-3.mjs"] as const;
  for (const artifact of [a, b, c]) {
    await publish(layout, artifact);
    for (const event of ["published", "live"] as const) await appendHistory(layout, { event, artifact });
  }
  await appendHistory(layout, { event: "rolled-back", artifact: b });
  await writePointer(layout, b);
  const events: PlatformEvent[] = [];
  const probation = new Probation(layout, (event) => void events.push(event));
  probation.begin(b);
  const died = { how: "It ended with code 1", byUs: false };
  await Promise.all(Array.from({ length: 4 }, () => probation.ended(b, died)));
  equal(await pointedArtifact(layout), a);
  ok(await isMarkedFailed(layout, b));
  deepEqual(
    events.map((event) => event.type),
    ["overlap-failed"],
  );
});
