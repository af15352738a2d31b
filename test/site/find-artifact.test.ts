import assert from "node:assert/strict";
import { test } from "node:test";
import { findArtifact } from "#src/site/find-artifact.js";
import { writeManifest } from "#src/site/manifest.js";
import { describeArtifact } from "#src/site/manifest.js";
import { drop, temporarySite } from "../rig/temporary-site.ts";

const COMMITS = {
  "shop-4be1a9c0de.mjs": "4be1a9c0de",
  "shop-4be1ffffff.mjs": "4be1ffffff",
  "other.cjs": "99f3b1c2d4",
};

test("an artifact is found by its name and by the unique beginning of its name or commit, as _target/NAME too", async (t) => {
  const layout = await temporarySite(t);
  for (const [artifact, digits] of Object.entries(COMMITS)) {
    const content = await describeArtifact(await drop(layout, artifact));
    const commit = digits.padEnd(40, "0");
    await writeManifest(layout, {
      ...content,
      schemaVersion: 1,
      artifact,
      origin: "deploy",
      builtAt: new Date().toISOString(),
      commit,
    });
  }
  for (const name of ["shop-4be1", "shop-4be1.mjs", "api-77aa00bb11.exe"]) await drop(layout, name);
  for (const [wanted, found] of [
    ["shop-4be1a9c0de.mjs", "shop-4be1a9c0de.mjs"],
    ["shop-4be1a", "shop-4be1a9c0de.mjs"],
    ["4be1a9", "shop-4be1a9c0de.mjs"],
    ["4BE1FF", "shop-4be1ffffff.mjs"],
    ["99f3b1c2d4".padEnd(40, "0"), "other.cjs"],
    ["oth", "other.cjs"],
    // The whole name of one is the beginning of another's.
    ["shop-4be1", "shop-4be1"],
    // A drop, whose commit only its name tells.
    ["77aa", "api-77aa00bb11.exe"],
    ["_target/other.cjs", "other.cjs"],
    ["_target\\shop-4be1", "shop-4be1"],
    ["./_target/shop-4be1a", "shop-4be1a9c0de.mjs"],
    // Nothing fits: the verb says so.
    ["blog", "blog"],
    ["", ""],
    ["77a", "77a"],
    ["../other.cjs", "../other.cjs"],
  ] as const) {
    assert.equal(await findArtifact(layout, wanted), found, wanted);
  }
  const several = (await Promise.allSettled([findArtifact(layout, "4be1"), findArtifact(layout, "sh")])).map(
    (each) => (each.status === "rejected" ? (each.reason as Error) : undefined),
  );
  assert.match(
    String(several[0]?.message),
    /^4be1 may be shop-4be1, shop-4be1\.mjs, shop-4be1a9c0de\.mjs, shop-4be1ffffff\.mjs\.$/,
  );
  assert.match(String(several[1]?.message), /^sh may be shop-4be1, /);
  await assert.rejects(findArtifact(layout, "4be1"), { code: "ARTIFACT_AMBIGUOUS" });
  assert.equal(await findArtifact(layout, "go", ["gone-1.mjs"]), "gone-1.mjs");
});
