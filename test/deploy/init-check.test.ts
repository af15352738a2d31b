import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, symlink } from "node:fs/promises";

import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { PROJECT } from "../rig/project.ts";
import { inplace, sourceRepository, type Files } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";

/** init --check in an app of these files that has express installed. */
async function checked(t: TestContext, files: Files) {
  const repository = await sourceRepository(t, { ".gitignore": "node_modules\ndist\n", ...files });
  const modules = join(repository.folder, "node_modules");
  await mkdir(modules);
  await symlink(join(PROJECT, "node_modules", "express"), join(modules, "express"));
  const temporary = await temporaryFolder(t);
  const env = { TMPDIR: temporary };
  const result = await inplace(t, ["init", "--check", "--json"], { cwd: repository.folder, env });
  const left = (await readdir(temporary)).filter((name) => name.startsWith("inplace-"));
  assert.deepEqual(left, []);
  return { repository, code: result.code, document: JSON.parse(result.stdout), stderr: result.stderr };
}

test("init --check of an app with views and files beside it: the whole app answers, and nothing but init's files is left", async (t) => {
  const { repository, code, document } = await checked(t, {
    "package.json": { name: "shop", scripts: { start: "node ./bin/www" }, dependencies: { express: "*" } },
    "bin/www": `#!/usr/bin/env node\nrequire("../app").listen(process.env.PORT);`,
    "app.js": `
      const app = require("express")();
      app.engine("txt", (path, options, done) => require("node:fs").readFile(path, "utf8", done));
      app.set("view engine", "txt");
      app.get("/", (request, response) => response.render("index"));
      module.exports = app;`,
    "views/index.txt": "a view",
  });
  assert.equal(code, 0, JSON.stringify(document));
  assert.deepEqual(document.build, { builder: "directory", directory: ".", start: "node ./bin/www" });
  assert.equal(document.checked.status, 200);
  assert.ok(document.reasons.includes("scripts.start: node ./bin/www"));
  for (const name of ["_target", "_artifact.txt", ".inplace", ".inplace-deploy"])
    assert.equal(existsSync(join(repository.folder, name)), false, name);
});

test("init --check of an app that bundles: the bundle answered its trial, and is what is checked", async (t) => {
  const { code, document } = await checked(t, {
    "package.json": { name: "shop", main: "server.js", dependencies: { express: "*" } },
    "server.js": `require("express")().get("/", (q, r) => r.send("one")).listen(process.env.PORT);`,
  });
  assert.equal(code, 0, JSON.stringify(document));
  assert.equal(document.build.builder, "entry");
  assert.match(document.checked.artifact, /\.mjs$/);
});

test("init --check starts an app with the .env that lies in its folder, as a site there would", async (t) => {
  const { code, document } = await checked(t, {
    ".gitignore": "node_modules\n.env*\n",
    ".env.live": "SECRET=there",
    "package.json": {
      name: "shop",
      scripts: { start: "node --env-file=.env.live server.js" },
      dependencies: { express: "*" },
    },
    "server.js": `if (process.env.SECRET !== "there") throw new Error("no secret");
      require("express")().set("views", __dirname).get("/", (q, r) => r.send("one")).listen(process.env.PORT);`,
  });
  assert.equal(code, 0, JSON.stringify(document));
  assert.equal(document.checked.status, 200);
});

test("init in an app whose bundle does not answer takes the whole app, and says why", async (t) => {
  const { code, document } = await checked(t, {
    "package.json": { name: "shop", main: "server.js", dependencies: { express: "*" } },
    // A name that nobody sees before it is loaded.
    "server.js": `const load = (name) => globalThis.process.getBuiltinModule("module").createRequire(process.argv[1])(name);
      load(["ex", "press"].join(""))().get("/", (q, r) => r.send("one")).listen(process.env.PORT);`,
  });
  assert.equal(code, 0, JSON.stringify(document));
  assert.equal(document.build.builder, "directory");
  assert.match(document.reasons.join("\n"), /no bundle: it ended with exit code 1/);
});

test("init --check ends with exit 6 and the last output where the app does not start, and with 3 where it does not build", async (t) => {
  const dies = await checked(t, {
    "package.json": {
      name: "shop",
      scripts: { start: "node server.js" },
      dependencies: { express: "*" },
    },
    "server.js": `throw new Error("no database for " + __dirname);`,
  });
  assert.deepEqual([dies.code, dies.document.error.code], [6, "START_FAILED"]);
  assert.match(dies.document.error.message, /ended with exit code 1[^]*no database/);
  const unbuilt = await checked(t, {
    "package.json": {
      name: "shop",
      scripts: {
        build: "node -e \"console.log('no types'); process.exit(1)\"",
        start: "node dist/server.js",
      },
      dependencies: { express: "*" },
    },
  });
  assert.deepEqual([unbuilt.code, unbuilt.document.error.code], [3, "BUILD_FAILED"]);
  assert.match(unbuilt.document.error.message, /no types/);
});
