import assert from "node:assert/strict";
import { mkdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import {
  describeArtifact,
  manifestPath,
  readManifest,
  writeManifest,
  type Manifest,
} from "#src/site/manifest.js";
import { writePointer } from "#src/site/pointer.js";
import { assertSigned, generateKeys, isSigned, signManifest } from "#src/site/signature.js";
import { verifyArtifact } from "#src/site/verify.js";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

const ARTIFACT = "app-1";

describe("a check before a start", () => {
  it("reads everything once, and then only looks at sizes, times and numbers", async (t) => {
    const layout = await published(t);
    assert.deepEqual(await verifyArtifact(layout, ARTIFACT, {}), { state: "sound", fast: false });
    assert.deepEqual(await verifyArtifact(layout, ARTIFACT, {}), { state: "sound", fast: true });
  });

  it("names the file that is not what was published though nobody wrote to it since", async (t) => {
    const layout = await published(t);
    await verifyArtifact(layout, ARTIFACT, {});
    await rot(layout, "lib/words.js");
    await assert.rejects(verifyArtifact(layout, ARTIFACT, {}), {
      code: "ARTIFACT_ALTERED",
      message: /app-1\/lib\/words\.js/,
    });
  });

  it("minds neither what the app adds to its folder nor what it writes there, also when it is published again", async (t) => {
    const layout = await published(t);
    await writeFile(join(layout.target, ARTIFACT, "app.log"), "the app's own\n");
    assert.deepEqual(await verifyArtifact(layout, ARTIFACT, {}), { state: "sound", fast: false });
    await writeFile(join(layout.target, ARTIFACT, "index.js"), "written by the app\n");
    await writePointer(layout, ARTIFACT);
    await backdate(manifestPath(layout, ARTIFACT));
    assert.deepEqual(await verifyArtifact(layout, ARTIFACT, {}), { state: "by-hand" });
  });

  it("leaves what was written to by hand after the publish to the watcher, which adopts it", async (t) => {
    const layout = await published(t);
    const file = join(layout.target, ARTIFACT, "index.js");
    const { ctimeMs } = await stat(layout.pointer);
    // The file system's clock goes in steps of some milliseconds.
    await until("the file is newer than the pointer", async () => {
      await writeFile(file, "changed by hand\n");
      return (await stat(file)).ctimeMs > ctimeMs;
    });
    assert.deepEqual(await verifyArtifact(layout, ARTIFACT, {}), { state: "by-hand" });
    await writeFile(join(layout.target, "new.js"), "by hand\n");
    assert.deepEqual(await verifyArtifact(layout, "new.js", {}), { state: "by-hand" });
  });
});

describe("where a signature is required", () => {
  it("signed content is sound, read each time", async (t) => {
    const { layout, env } = await signedSite(t);
    for (let start = 0; start < 2; start++) {
      assert.deepEqual(await verifyArtifact(layout, ARTIFACT, env), { state: "sound", fast: false });
    }
  });

  it("unsigned, altered and foreign releases are refused", async (t) => {
    const { layout, env, privateKey, unsigned } = await signedSite(t);
    const manifest = await readManifest(layout, ARTIFACT);
    assert.ok(manifest);
    await writeManifest(layout, unsigned);
    await assert.rejects(verifyArtifact(layout, ARTIFACT, env), { code: "ARTIFACT_UNSIGNED" });
    await writeManifest(layout, await signManifest(manifest, (await keys(t)).privateKey));
    await assert.rejects(verifyArtifact(layout, ARTIFACT, env), { code: "ARTIFACT_UNSIGNED" });
    await writeManifest(layout, { ...(await signManifest(manifest, privateKey)), artifact: "app-2" });
    await assert.rejects(verifyArtifact(layout, "app-2", env), { code: "ARTIFACT_UNSIGNED" });
    await writeManifest(layout, await signManifest(manifest, privateKey));
    await writeFile(join(layout.target, ARTIFACT, "index.js"), "changed by hand\n");
    await assert.rejects(verifyArtifact(layout, ARTIFACT, env), { code: "ARTIFACT_ALTERED" });
    await writeFile(join(layout.target, "drop.js"), "by hand\n");
    await assert.rejects(verifyArtifact(layout, "drop.js", env), { code: "ARTIFACT_UNSIGNED" });
  });

  it("a public key in the site is refused, since who may deploy could replace it", async (t) => {
    const { layout } = await signedSite(t);
    const inside = join(layout.root, "inplace.pub");
    await writeFile(inside, generateKeys().publicKey);
    await mkdir(join(layout.root, "..keys"));
    await writeFile(join(layout.root, "..keys", "pub"), generateKeys().publicKey);
    for (const file of [inside, "inplace.pub", "./.inplace/../inplace.pub", "..keys/pub"]) {
      await assert.rejects(verifyArtifact(layout, ARTIFACT, { INPLACE_PUBLIC_KEY: file }), {
        code: "SIGNING_KEY_INVALID",
        message: /lies in the site/,
      });
    }
  });

  it("the site's configuration says so as the environment does", async (t) => {
    const { layout, publicKey } = await signedSite(t);
    await writeFile(
      join(layout.root, "inplace.config.json"),
      JSON.stringify({ requireSignature: publicKey }),
    );
    await assertSigned(layout, ARTIFACT, await readManifest(layout, ARTIFACT));
    await assert.rejects(assertSigned(layout, "drop.js", undefined), { code: "ARTIFACT_UNSIGNED" });
  });

  it("a file that holds no Ed25519 key is named", async (t) => {
    const { layout } = await signedSite(t);
    const manifest = await readManifest(layout, ARTIFACT);
    assert.ok(manifest);
    const file = join(await temporaryFolder(t), "no.key");
    await writeFile(file, "no key");
    await assert.rejects(signManifest(manifest, file), { code: "SIGNING_KEY_INVALID", message: /no\.key/ });
    await assert.rejects(isSigned(manifest, file), { code: "SIGNING_KEY_INVALID", message: /no\.key/ });
  });

  it("a folder and a file that is longer than any key are no keys", async (t) => {
    const { layout } = await signedSite(t);
    const manifest = await readManifest(layout, ARTIFACT);
    assert.ok(manifest);
    const folder = await temporaryFolder(t);
    const long = join(folder, "long.key");
    await writeFile(long, generateKeys().privateKey + " ".repeat(65_536));
    for (const file of [long, folder])
      await assert.rejects(signManifest(manifest, file), { code: "SIGNING_KEY_INVALID" }, file);
  });
});

/** A site whose current release is a folder of two files. */
async function published(t: TestContext): Promise<SiteLayout> {
  const layout = await temporarySite(t);
  const path = join(layout.target, ARTIFACT);
  await mkdir(join(path, "lib"), { recursive: true });
  await writeFile(join(path, "index.js"), "import './lib/words.js';\n");
  await writeFile(join(path, "lib", "words.js"), "export const hello = 'hello';\n");
  await writeManifest(layout, {
    schemaVersion: 1,
    artifact: ARTIFACT,
    origin: "deploy",
    builtAt: new Date().toISOString(),
    ...(await describeArtifact(path)),
  });
  await writePointer(layout, ARTIFACT);
  return layout;
}

async function keys(t: TestContext): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const folder = await temporaryFolder(t);
  const pair = generateKeys();
  const files = { privateKey: join(folder, "inplace.key"), publicKey: join(folder, "inplace.pub") };
  await writeFile(files.privateKey, pair.privateKey);
  await writeFile(files.publicKey, pair.publicKey);
  return files;
}

async function signedSite(t: TestContext): Promise<{
  readonly layout: SiteLayout;
  readonly env: NodeJS.ProcessEnv;
  readonly privateKey: string;
  readonly publicKey: string;
  readonly unsigned: Manifest;
}> {
  const layout = await published(t);
  const { privateKey, publicKey } = await keys(t);
  const unsigned = await readManifest(layout, ARTIFACT);
  assert.ok(unsigned);
  await writeManifest(layout, await signManifest(unsigned, privateKey));
  return { layout, env: { INPLACE_PUBLIC_KEY: publicKey }, privateKey, publicKey, unsigned };
}

/** Other content, and a pointer written after it: as if the disk had changed it. */
async function rot(layout: SiteLayout, file: string): Promise<void> {
  const path = join(layout.target, ARTIFACT, file);
  const { size } = await stat(path);
  await writeFile(path, "x".repeat(size));
  await backdate(path);
  await rm(layout.pointer);
  await writePointer(layout, ARTIFACT);
}

async function backdate(path: string): Promise<void> {
  const then = new Date(Date.now() - 3_600_000);
  await utimes(path, then, then);
}
