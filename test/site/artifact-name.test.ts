import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { artifactName, isArtifactName, isDeploymentId, validSiteName } from "#src/site/artifact-name.js";
import { InplaceError } from "#src/errors.js";

const identity = {
  site: "shop",
  commit: "0123456789ABCDEF0123456789abcdef01234567",
  dirty: undefined,
  builtAt: new Date("2026-03-04T05:06:07.890Z"),
  extension: ".mjs",
};

describe("artifact name", () => {
  it("is the site and the first ten digits of the commit, in lower case", () => {
    assert.equal(artifactName(identity), "shop-0123456789.mjs");
  });

  it("tells uncommitted changes and rebuilt content apart", () => {
    assert.equal(artifactName({ ...identity, dirty: "abc123" }), "shop-0123456789-dirtyabc123.mjs");
    assert.equal(artifactName(identity, 3), "shop-0123456789.3.mjs");
  });

  it("is the deployment's own id where that is no commit", () => {
    for (const deployment of ["3f2504e0-4f89-11d3-9a0c-0305e82c3301", "temp-1a2b3c4d", "20240131.2", "v1"]) {
      assert.equal(isDeploymentId(deployment), true, deployment);
      assert.equal(artifactName({ ...identity, deployment, dirty: "abc123" }), `shop-${deployment}.mjs`);
    }
    const none = [
      "",
      "main",
      "0123456",
      "-1",
      "1.",
      "a/1",
      "a 1",
      "1\n",
      "é1",
      "HEAD~1",
      "..",
      "1".repeat(65),
    ];
    for (const id of none) assert.equal(isDeploymentId(id), false, id);
  });

  it("is a UTC timestamp where there is no git", () => {
    assert.equal(artifactName({ ...identity, commit: undefined, extension: "" }), "shop-20260304050607");
  });

  for (const commit of ["", "--upload-pack=x", "0123456", "xyz1234567", "012345678901234567890 "]) {
    const valid = commit === "0123456";
    it(`${valid ? "takes" : "refuses"} ${JSON.stringify(commit)} as a commit`, () => {
      if (valid) assert.equal(artifactName({ ...identity, commit }), "shop-0123456.mjs");
      else assert.throws(() => artifactName({ ...identity, commit }), coded("COMMIT_INVALID"));
    });
  }

  for (const name of [
    "..",
    "a/b",
    "a\\b",
    "a&b",
    "a%b",
    "a b",
    "CON",
    "nul.txt",
    "com1",
    "-x",
    ".x",
    "x.",
    "",
    "é",
    "a".repeat(65),
  ]) {
    it(`refuses the site name ${JSON.stringify(name.slice(0, 20))}`, () => {
      assert.throws(() => validSiteName(name), coded("SITE_NAME_INVALID"));
    });
  }

  for (const name of ["shop-0123456789.exe", "My Site (2).exe", "café.mjs", "folder", "a+b@1,2=3~4.js"]) {
    it(`lets a person drop ${JSON.stringify(name)}`, () => assert.equal(isArtifactName(name), true));
  }

  for (const name of [
    ".hidden",
    "a.tmp",
    "a.PART",
    "a.crdownload",
    "~$doc",
    "a~",
    "a&b.exe",
    "a%b.exe",
    'a"b',
    "a/b",
    "a\\b",
    "a:b",
    "aux.exe",
    "x.exe ",
    "x.exe.",
    "x\n",
    "a".repeat(151),
    `${"字".repeat(80)}.mjs`,
    "👍🏽",
    `${"𠀀".repeat(57)}a`,
  ]) {
    it(`takes ${JSON.stringify(name)} for no artifact`, () => assert.equal(isArtifactName(name), false));
  }
});

function coded(code: string): (error: unknown) => boolean {
  return (error) => error instanceof InplaceError && error.code === code && error.hint !== "";
}
