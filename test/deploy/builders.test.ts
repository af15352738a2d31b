import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { deployHere } from "../rig/deploy-here.ts";
import { inplace, sourceAndSite } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";
import { byCommand, deployed, deployOf, failedDeploy, releasedSite, NODE, run } from "./built-site.ts";

test("entry: TypeScript with CommonJS packages becomes one file that runs anywhere", async (t) => {
  const { path } = await deployOf(t, {
    ".gitignore": "",
    "src/server.ts": `
      import { createRequire } from "node:module";
      import { dirname } from "node:path";
      import { fileURLToPath } from "node:url";
      import old from "old-package";
      const require = createRequire(import.meta.url);
      const __dirname = dirname(fileURLToPath(import.meta.url));
      const answer: number = old.answer;
      console.log(answer, old.folder === __dirname, require("node:path").sep.length);
    `,
    "node_modules/old-package/package.json": { name: "old-package", main: "main.js" },
    "node_modules/old-package/main.js": `
      const { EOL } = require("node:os");
      exports.answer = EOL.length > 0 ? 42 : 0;
      exports.folder = __dirname;
    `,
  });
  assert.match(path, /\.mjs$/);
  assert.equal((await run(NODE, [path])).stdout, "42 true 1\n");
});

test("entry: assets and a native addon lie beside the code in a folder", async (t) => {
  // Any addon that Node loads will do; it is never more than opened here.
  const { path } = await deployOf(t, {
    "inplace.config.json": { build: { builder: "entry", entry: "server.mjs", assets: ["public"] } },
    "server.mjs": `
      import { readFileSync } from "node:fs";
      console.log(readFileSync(new URL("./public/page.html", import.meta.url), "utf8"));
      try { require("./native.node"); } catch (error) { console.log(error.code); }
      try { require("./other-system.node"); } catch (error) { console.log(error.code); }
      try { require("@addon/this-system"); } catch (error) { console.log(error.code); }
    `,
    "native.node": "no addon",
    // One package for each system, whose main file is the addon.
    "node_modules/@addon/this-system/package.json": { name: "@addon/this-system", main: "own.node" },
    "node_modules/@addon/this-system/own.node": "no addon either",
    "public/page.html": "<p>page</p>",
  });
  assert.deepEqual(
    (await readdir(path)).filter((name) => !/-(native|own)\.node$/.test(name)),
    ["index.mjs", "public"],
  );
  assert.equal(
    (await run(NODE, [join(path, "index.mjs")])).stdout,
    "<p>page</p>\nERR_DLOPEN_FAILED\nMODULE_NOT_FOUND\nERR_DLOPEN_FAILED\n",
  );
});

test("entry: the same source gives the same bytes, wherever it is checked out", async (t) => {
  const { repository, layout, artifact } = await deployOf(t, { "src/main.ts": "console.log('x');" });
  const commit = await repository.git("rev-parse", "HEAD");
  await writeFile(join(repository.folder, "untracked"), "");
  const again = await deployHere(repository.folder, layout.root, { rebuild: true, commit });
  assert.equal(again.artifact, artifact);
});

test("entry: an error of the source ends with exit 3 and the place", async (t) => {
  const { code, error } = await failedDeploy(
    t,
    { builder: "entry", entry: "bad.ts" },
    { "bad.ts": "let x = ;\n" },
  );
  assert.equal(code, 3);
  assert.equal(error.code, "BUILD_FAILED");
  assert.match(error.message, /bad\.ts:1:8/);
});

test("entry: an esbuild that is killed, for want of memory say, is a failed build", async (t) => {
  const esbuild = join(await temporaryFolder(t), "esbuild");
  await writeFile(esbuild, "#!/bin/sh\nhead -c 4 >/dev/null\nkill -KILL $$\n", { mode: 0o755 });
  const build = { builder: "entry", entry: "src/bad.ts" };
  const files = { "src/bad.ts": "console.log(1);" };
  const failed = await releasedSite(t, byCommand(t, { ESBUILD_BINARY_PATH: esbuild }));
  const { code, error } = await failed(build, files);
  assert.deepEqual([code, error.code], [3, "BUILD_FAILED"]);
  assert.match(error.message, /esbuild: The service was stopped/);
});

test("executable: an await outside of functions, which it cannot have, ends with exit 3 and the place", async (t) => {
  const { code, error } = await failedDeploy(
    t,
    { builder: "executable", entry: "bad.mjs" },
    { "bad.mjs": "await started();\n" },
  );
  assert.deepEqual([code, error.code], [3, "BUILD_FAILED"]);
  assert.match(error.message, /Top-level await[^]*bad\.mjs:1:0/);
});

test("directory: a folder that a build step filled is copied, with its entry point", async (t) => {
  const { path } = await deployOf(t, {
    "inplace.config.json": {
      build: {
        builder: "directory",
        directory: "out",
        shell: "mkdir -p out/lib && cp app.js out/lib/",
        entryPoint: "lib/app.js",
      },
    },
    "app.js": "console.log('app')",
    ".gitignore": "out\n",
  });
  assert.equal(await readFile(join(path, "_entry.txt"), "utf8"), "lib/app.js\n");
  assert.equal((await run(NODE, [join(path, "lib", "app.js")])).stdout, "app\n");
});

test("directory: production packages are installed from the lock file, without development packages and links", async (t) => {
  const { path } = await deployOf(t, {
    "inplace.config.json": { build: { builder: "directory", directory: "app" } },
    "app/index.js": "console.log(require('local-part'))",
    "app/package.json": { name: "app", version: "1.0.0", dependencies: { "local-part": "file:part" } },
    "app/part/package.json": { name: "local-part", version: "1.0.0", bin: { part: "index.js" } },
    "app/part/index.js": "module.exports = 'part'",
    "app/package-lock.json": {
      name: "app",
      version: "1.0.0",
      lockfileVersion: 3,
      packages: {
        "": { name: "app", version: "1.0.0", dependencies: { "local-part": "file:part" } },
        "node_modules/local-part": { version: "1.0.0", resolved: "file:part", bin: { part: "index.js" } },
      },
    },
  });
  assert.equal((await run(NODE, [join(path, "index.js")])).stdout, "part\n");
  assert.equal(existsSync(join(path, "node_modules", ".bin")), false);
});

test("directory: another package program's lock file is refused with what to do", async (t) => {
  const { code, error } = await failedDeploy(
    t,
    { builder: "directory", directory: "app" },
    { "app/index.js": "", "app/package.json": {}, "app/pnpm-lock.yaml": "lockfileVersion: 9" },
  );
  assert.deepEqual([code, error.code], [3, "LOCKFILE_UNSUPPORTED"]);
  assert.match(error.message, /pnpm-lock\.yaml/);
});

test("directory: a link inside is followed, and one that leads out is refused", async (t) => {
  const { repository, layout } = await sourceAndSite(t, {
    "inplace.config.json": { build: { builder: "directory", directory: "app" } },
    "app/index.js": "console.log('linked')",
  });
  await symlink("index.js", join(repository.folder, "app", "main.js"));
  await repository.commit("with a link");
  const artifact = await deployed(repository, layout);
  assert.equal((await run(NODE, [join(layout.target, artifact, "main.js")])).stdout, "linked\n");
  await symlink("../../secret", join(repository.folder, "app", "secret"));
  await writeFile(join(repository.folder, "..", "secret"), "s");
  await repository.commit("with a link out");
  const refused = await deployHere(repository.folder, layout.root);
  assert.deepEqual([refused.code, refused.error?.code], [3, "LINK_OUTSIDE"]);
});

test("without a configuration the build is inferred, and where nothing suggests one, the error says so", async (t) => {
  await deployOf(t, { "src/index.mts": "console.log(1 as number)" });
  const { repository, layout } = await sourceAndSite(t, { "README.md": "nothing to build" });
  await mkdir(layout.target, { recursive: true });
  const { code, stderr } = await inplace(t, ["deploy", "--site-root", layout.root], {
    cwd: repository.folder,
  });
  assert.equal(code, 2);
  assert.match(stderr, /BUILD_NOT_CONFIGURED/);
});
