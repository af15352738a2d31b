import assert from "node:assert/strict";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import {
  describeArtifact,
  matchesManifest,
  readManifest,
  writeManifest,
  type Manifest,
} from "#src/site/manifest.js";
import { drop, temporarySite } from "../rig/temporary-site.ts";

describe("manifest", () => {
  it("lists every file of a folder artifact in order, with size and hash", async (t) => {
    const layout = await temporarySite(t);
    const content = await describeArtifact(await folderArtifact(layout));
    assert.equal(content.kind, "folder");
    assert.equal(content.size, 7);
    assert.deepEqual(content.files, [
      {
        path: "index.mjs",
        size: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      },
      {
        path: "lib/x.js",
        size: 4,
        sha256: "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589",
      },
    ]);
  });

  it("notices a file that is missing, shorter, or turned into a folder", async (t) => {
    const layout = await temporarySite(t);
    const path = await folderArtifact(layout);
    await writeManifest(layout, manifestOf("site", await describeArtifact(path)));
    const manifest = await readManifest(layout, "site");
    assert.ok(manifest);
    assert.equal(await matchesManifest(path, manifest), true);
    await writeFile(join(path, "index.mjs"), "ab");
    assert.equal(await matchesManifest(path, manifest), false);
    await rm(join(path, "index.mjs"));
    assert.equal(await matchesManifest(path, manifest), false);
    await mkdir(join(path, "index.mjs"));
    assert.equal(await matchesManifest(path, manifest), false);
    await rm(path, { recursive: true });
    assert.equal(await matchesManifest(path, manifest), false);
  });

  it("does not match where the system will not say what is there", async (t) => {
    const layout = await temporarySite(t);
    const path = await folderArtifact(layout);
    const manifest = manifestOf("site", await describeArtifact(path));
    await symlink("loop", join(path, "loop"));
    for (const odd of ["loop/x", "a".repeat(300), "nul\0byte", "index.mjs/x"]) {
      const files = [{ path: odd, size: 1, sha256: "" }];
      assert.equal(await matchesManifest(path, { ...manifest, files }), false, odd);
    }
  });

  it("refuses an empty artifact", async (t) => {
    const layout = await temporarySite(t);
    await assert.rejects(describeArtifact(await drop(layout, "empty.mjs", "")), {
      code: "ARTIFACT_INCOMPLETE",
    });
  });

  it("counts as absent when it is damaged or of another artifact", async (t) => {
    const layout = await temporarySite(t);
    assert.equal(await readManifest(layout, "a.mjs"), undefined);
    await mkdir(layout.manifests, { recursive: true });
    for (const text of ["{", "null", "[]", '{"schemaVersion":1,"artifact":"b.mjs","files":[]}']) {
      await writeFile(join(layout.manifests, "a.mjs.json"), text);
      assert.equal(await readManifest(layout, "a.mjs"), undefined, text);
    }
  });
});

async function folderArtifact(layout: SiteLayout): Promise<string> {
  const path = join(layout.target, "site");
  await mkdir(join(path, "lib"), { recursive: true });
  await writeFile(join(path, "lib", "x.js"), "abcd");
  await writeFile(join(path, "index.mjs"), "abc");
  return path;
}

function manifestOf(artifact: string, content: Awaited<ReturnType<typeof describeArtifact>>): Manifest {
  return { schemaVersion: 1, artifact, origin: "deploy", builtAt: new Date(0).toISOString(), ...content };
}
