import { equal, match, rejects } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { waitUntilLive } from "#src/deploy/wait.js";
import { markFailed, markGood } from "#src/site/health-marks.js";
import { appendHistory } from "#src/site/history.js";
import { untilLive } from "#src/cli/until-live.js";
import type { SiteLayout } from "#src/site/layout.js";
import { writePointer } from "#src/site/pointer.js";
import { temporarySite } from "../rig/temporary-site.js";
import { publish } from "../watch/watched-site.js";

function wait(
  layout: SiteLayout,
  artifact?: string,
  timeoutMs = 20_000,
): Promise<{ readonly artifact: string }> {
  return waitUntilLive({ layout, artifact, timeoutMs, signal: AbortSignal.timeout(60_000) });
}

test("what the pointer does not name cannot come, which is said at once; a drop may still be adopted", async (t) => {
  const layout = await temporarySite(t);
  await publish(layout, "a.mjs");
  await appendHistory(layout, { event: "published", artifact: "a.mjs" });
  await publish(layout, "b.mjs");
  await rejects(wait(layout, "typing-eror.mjs"), { code: "ARTIFACT_MISSING" });
  await rejects(wait(layout, "a.mjs"), { code: "SUPERSEDED" });
  await writeFile(join(layout.target, "dropped.mjs"), "1");
  await rejects(wait(layout, "dropped.mjs", 300), { code: "TIMED_OUT" });
  await markGood(layout, "dropped.mjs");
  equal((await wait(layout, "dropped.mjs")).artifact, "dropped.mjs");
});

test("without a name the release of last is meant, also once the pointer has gone back from it, but not after a person's choice", async (t) => {
  for (const event of ["published", "adopted"] as const) {
    const layout = await temporarySite(t);
    await publish(layout, "good.mjs");
    await appendHistory(layout, { event, artifact: "good.mjs" });
    await markGood(layout, "good.mjs");
    await publish(layout, "bad.mjs");
    await appendHistory(layout, { event, artifact: "bad.mjs" });
    await markFailed(layout, "bad.mjs", "exit code 3");
    await writePointer(layout, "good.mjs");
    await rejects(wait(layout), { code: "START_FAILED", message: /bad\.mjs failed: exit code 3/ });
    await rejects(untilLive(layout, undefined, 20_000, AbortSignal.timeout(60_000)), {
      code: "START_FAILED",
    });
    equal((await wait(layout, "good.mjs")).artifact, "good.mjs");
    await appendHistory(layout, { event: "rolled-back", artifact: "good.mjs" });
    equal((await wait(layout)).artifact, "good.mjs");
    await appendHistory(layout, { event, artifact: "good.mjs" });
    equal((await untilLive(layout, undefined, 20_000, AbortSignal.timeout(60_000))).artifact, "good.mjs");
  }
});

test("a failed release is told with what serves instead", async (t) => {
  const layout = await temporarySite(t);
  await publish(layout, "a.mjs");
  await markFailed(layout, "a.mjs", "It did not listen on port 1 within 4 s.");
  await rejects(wait(layout), ({ message, hint }: { readonly message: string; readonly hint: string }) => {
    match(message, /within 4 s\.$/);
    match(hint, /No other release ever proved good/);
    return true;
  });
  await markGood(layout, "before.mjs");
  await rejects(wait(layout), { hint: /The last good release, before\.mjs, goes on/ });
});
