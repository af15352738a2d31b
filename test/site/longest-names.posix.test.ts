import assert from "node:assert/strict";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isArtifactName } from "#src/site/artifact-name.js";
import { isMarkedFailed, listFailed, markFailed, markGood, readLastGood } from "#src/site/health-marks.js";
import { readHistory } from "#src/site/history.js";
import { readManifest } from "#src/site/manifest.js";
import { readPointer } from "#src/site/pointer.js";
import { isVerified } from "#src/site/verified.js";
import { drop } from "../rig/temporary-site.js";
import { watchedSite } from "../watch/watched-site.js";

/** In UTF-8 as long as an artifact's name may be: three bytes a character, and four. */
const LONGEST = [`${"字".repeat(74)}ab.mjs`, "𠀀".repeat(57)];

for (const name of LONGEST) {
  test(`of a release whose name is as long as one may be (${name.length} characters) everything is kept that is kept of others`, async (t) => {
    assert.equal(Buffer.byteLength(name), 228);
    assert.equal(isArtifactName(`${name}c`), false);
    const { layout, tells } = await watchedSite(t, { pollMs: 50, stillMs: 50 });
    await drop(layout, name, "#!/bin/sh\n");
    await tells(name);
    assert.equal((await readPointer(layout)).state, "names");
    assert.equal((await readManifest(layout, name))?.origin, "drop");
    assert.equal(isVerified(layout, name), true);
    await markGood(layout, name);
    assert.equal(await readLastGood(layout), name);
    await markFailed(layout, name, "it ended");
    // As far from 1970 as the file system lets a mark be.
    await utimes(join(layout.failed, name), 8e12, 8e12);
    await markFailed(layout, name, "it ended again");
    assert.equal(await isMarkedFailed(layout, name), true);
    assert.deepEqual(
      (await listFailed(layout)).map(({ artifact }) => artifact),
      [name],
    );
    const { records } = await readHistory(layout);
    assert.ok(records.some(({ event, artifact }) => event === "failed" && artifact === name));
  });
}

test("a drop whose name leaves no room for that is refused once, and the release stays", async (t) => {
  const { layout, event, events } = await watchedSite(t, { pollMs: 50, stillMs: 50 });
  const name = `${"字".repeat(80)}.mjs`;
  await drop(layout, name, "#!/bin/sh\n");
  assert.equal((await event("drop-refused")).name, name);
  assert.deepEqual(
    events.map(({ type }) => type).filter((type) => type === "look-failed" || type === "release-found"),
    [],
  );
  const pointer = await readPointer(layout);
  assert.equal(pointer.state === "names" && pointer.artifact, "app-1.mjs");
});
