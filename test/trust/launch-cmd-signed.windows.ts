import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { clearFailed } from "#src/site/health-marks.js";
import { fileOf } from "../runtime/launched-site.js";
import { windowsMachine, windowsPath, type WindowsResult } from "../rig/windows.js";
import { RELEASE, signedSite, writeFiles, type SignedSite } from "./signed-site.js";

const windows = await windowsMachine();

/** Instead of the site's server: says from where it runs, and ends. */
const TELLING = { "index.mjs": 'console.log("SIGNED", process.argv[1]);\n' };

async function site(
  t: TestContext,
): Promise<SignedSite & { launch(signed?: boolean): Promise<WindowsResult> }> {
  const signed = await signedSite(t, TELLING);
  const { layout, publicKey } = signed;
  const line = `"${windowsPath(layout.root)}\\launch.cmd"`;
  const launch = (required = true): Promise<WindowsResult> =>
    windows.run(line, required ? { env: { INPLACE_PUBLIC_KEY: windowsPath(publicKey) } } : {});
  return { ...signed, launch };
}

test("launch.cmd starts the checked copy of a signed release, also after `_target` was written to", async (t) => {
  const { artifact, proof, evil, launch } = await site(t);
  for (const attack of [
    async () => undefined,
    () => writeFile(join(artifact, "index.mjs"), evil.module),
    () => writeFiles(artifact, { "evil.mjs": evil.module, "_entry.txt": '"evil.mjs"\r\n' }),
  ]) {
    await attack();
    const { code, stdout, stderr } = await launch();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^SIGNED .*\\\.inplace\\sealed\\[0-9a-f]{16}\\shop-1\\index\.mjs\r?\n$/);
  }
  assert.equal(await fileOf(proof), undefined);
});

test("launch.cmd starts nothing where the release was altered, though other programs lie beside it", async (t) => {
  const { layout, artifact, proof, evil, launch } = await site(t);
  await writeFile(join(artifact, "index.mjs"), evil.module);
  await writeFile(join(layout.target, "zz.mjs"), evil.module);
  const { code, stdout, stderr } = await launch();
  assert.deepEqual([code, stdout], [4, ""]);
  assert.match(stderr, /ARTIFACT_ALTERED: shop-1\/index\.mjs is not what was published/);
  assert.equal(await fileOf(proof), undefined);
  await clearFailed(layout, RELEASE);
  await rm(layout.runtime, { recursive: true });
  assert.match((await launch()).stderr, /this site may require signatures/);
});

test("launch.cmd sees a key that only the configuration names, and one that nobody can read", async (t) => {
  const { layout, artifact, proof, evil, publicKey, launch } = await site(t);
  await writeFile(join(artifact, "index.mjs"), evil.module);
  for (const [file, content] of [
    ["inplace.config.json", '{"requireSignature": "x",}'],
    ["package.json", JSON.stringify({ inplace: { requireSignature: windowsPath(publicKey) } })],
    ["inplace.config.json", `{"\\u0072equireSignature": ${JSON.stringify(windowsPath(publicKey))}}`],
    [
      "package.json",
      JSON.stringify({
        description: "x".repeat(20_000),
        inplace: { requireSignature: windowsPath(publicKey) },
      }),
    ],
  ] as const) {
    await writeFile(join(layout.root, file), content);
    const { code, stderr } = await launch(false);
    assert.notEqual(code, 0, stderr);
    assert.match(stderr, /ARTIFACT_ALTERED|CONFIG_UNREADABLE|ARTIFACT_MISSING/);
    await rm(join(layout.root, file));
  }
  assert.equal(await fileOf(proof), undefined);
  await clearFailed(layout, RELEASE);
  await writeFile(join(layout.root, "inplace.config.json"), '{"site": "requireSignature"}');
  const { code, stdout } = await launch(false);
  assert.equal(code, 0);
  assert.equal(await fileOf(proof), "ran", stdout);
});
