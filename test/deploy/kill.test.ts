import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { matchesManifest, readManifest } from "#src/site/manifest.js";
import { startPlatformHandler } from "#src/platform/handler.js";
import { readPointer } from "#src/site/pointer.js";
import { asDeployer, type SiteLayout } from "#src/site/layout.js";
import { deployFolder } from "../rig/deploy-folder.ts";
import { pageOf } from "../rig/page.ts";
import { PROJECT } from "../rig/project.ts";
import { writeFiles } from "../rig/source.ts";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.ts";

const KILLS = 120;
/** After so many kills the next deploy is let through. */
const LET_THROUGH = 8;

const DIE_AT = fileURLToPath(new URL("../rig/die-at.js", import.meta.url));

/** Files in an artifact besides its program. */
const FILES = 2;

test(`kill at every step: after each of ${KILLS} kills the site serves, the pointer names a whole artifact, and a deploy let through succeeds`, async (t) => {
  // Without git, as Kudu's zip deployments are: git only reads, and a hundred times that is slow.
  const source = await temporaryFolder(t);
  const layout = await temporarySite(t);
  const program = await bundledProgram(t);
  const files = {
    "inplace.config.json": { files: ["public"], build: { builder: "directory", directory: "app" } },
  };
  let version = 0;
  /** New content under a new commit id. */
  const change = async (): Promise<NodeJS.ProcessEnv> => {
    version += 1;
    const parts = Array.from(
      { length: FILES },
      (_, part) => [`app/part-${part}.js`, `// ${version}\n`] as const,
    );
    const content = {
      "app/index.js": appOf(version),
      "public/page.html": `${version}`,
      ...Object.fromEntries(parts),
    };
    await writeFiles(source, { ...files, ...content });
    return {
      WEBSITE_SITE_NAME: "shop",
      SCM_COMMIT_ID: version.toString(16).padStart(10, "0").padEnd(40, "0"),
    };
  };
  const dying = async (at: number, env: NodeJS.ProcessEnv, amid = false): Promise<NodeJS.Signals | null> => {
    const sites = {
      INPLACE_TEST_SOURCE: source,
      INPLACE_TEST_SITE: layout.root,
      INPLACE_TEST_DIE_AT: String(at),
      INPLACE_TEST_DIE: amid ? "amid" : "before",
    };
    const child = spawn(process.execPath, ["--import", DIE_AT, program], {
      env: { ...process.env, ...env, ...sites },
      stdio: "ignore",
    });
    const [, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return signal;
  };

  assert.equal(await dying(5, await change()), "SIGKILL");
  assert.equal((await readPointer(layout)).state, "missing");
  await deployed(layout, source, await change());
  const handler = await startPlatformHandler({ siteRoot: layout.root, port: 0 });
  t.after(() => handler.stop());

  const counted = join(await temporaryFolder(t), "calls");
  assert.equal(await dying(0, { ...(await change()), INPLACE_TEST_CALLS: counted }), null);
  const calls = Number(await readFile(counted, "utf8"));
  assert.ok(calls >= KILLS / 2, `a deploy makes ${calls} calls`);

  for (let kill = 0; kill < KILLS; kill += 1) {
    const at = 1 + Math.floor((kill * calls) / KILLS);
    const env = await change();
    const amid = kill % 2 === 1;
    const when = `killed ${amid ? "amid" : "before"} call ${at} of ${calls}`;
    assert.equal(await dying(at, env, amid), "SIGKILL", when);
    await assertWhole(layout, when);
    assert.match(await pageOf(handler.port), /^release \d+$/, when);
    if (kill % LET_THROUGH !== 0) continue;
    // Half of the time the same commit is deployed again, half of the time the next one.
    await deployed(layout, source, kill % (2 * LET_THROUGH) === 0 ? env : await change());
  }
  await handler.stop();
  t.diagnostic(`a deploy makes ${calls} calls that change files; killed before or amid each`);
});

/** In few files, since a program that is to die at its first step would mostly find and read its own. */
async function bundledProgram(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  await build({
    entryPoints: [fileURLToPath(new URL("../rig/deploy-program.js", import.meta.url))],
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    define: { PACKAGE_FROM_BUNDLE: JSON.stringify(pathToFileURL(join(PROJECT, "/")).href) },
    // Packages that are CommonJS ask for Node's modules by require.
    banner: {
      js: 'import { createRequire as createRequireHere } from "node:module"; const require = createRequireHere(import.meta.url);',
    },
  });
  return join(folder, "deploy-program.mjs");
}

function appOf(version: number): string {
  return `require("node:http").createServer((_, response) => response.end("release ${version}")).listen(process.env.PORT, "127.0.0.1");\n`;
}

/** In this process, which is quicker than a new one. */
async function deployed(layout: SiteLayout, source: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { artifact } = await deployFolder(source, layout.root, env);
  assert.equal(artifact, `shop-${env["SCM_COMMIT_ID"]?.slice(0, 10)}`);
  assert.equal(await assertWhole(layout, "deployed"), artifact);
  assert.deepEqual(
    (await readdir(asDeployer(layout).staging)).filter((name) => name.startsWith("build-")),
    [],
  );
}

async function assertWhole(layout: SiteLayout, when: string): Promise<string> {
  const pointer = await readPointer(layout);
  assert.ok(pointer.state === "names", `${when}: ${pointer.state}`);
  const manifest = await readManifest(layout, pointer.artifact);
  assert.ok(
    manifest !== undefined && (await matchesManifest(pointer.path, manifest)),
    `${when}: ${pointer.artifact}`,
  );
  return pointer.artifact;
}
