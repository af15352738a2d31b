import assert from "node:assert/strict";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { freePort } from "../rig/free-port.ts";
import { pageOf } from "../rig/page.ts";
import { PROJECT, type Repository } from "../rig/project.ts";
import { runProgram, startProgram } from "../rig/program.ts";
import { inplace, sourceRepository, writeFiles, type Files } from "../rig/source.ts";
import { until } from "../rig/until.ts";

/** An app of somebody's with its packages installed, this one among them, after `inplace init`. */
async function initialised(t: TestContext, files: Files): Promise<Repository> {
  const repository = await sourceRepository(t, files);
  const modules = join(repository.folder, "node_modules");
  await writeFiles(modules, {
    ".bin/inplace": `#!/bin/sh\nexec node "${join(PROJECT, "bin", "inplace.js")}" "$@"\n`,
  });
  await runProgram(t, "chmod", ["755", join(modules, ".bin", "inplace")], { cwd: modules });
  for (const name of ["express", "fastify"])
    await symlink(join(PROJECT, "node_modules", name), join(modules, name));
  const { code, stderr } = await inplace(t, ["init"], { cwd: repository.folder });
  assert.equal(code, 0, stderr);
  await repository.commit("deployed in place");
  return repository;
}

const APPS: readonly [name: string, files: Files][] = [
  [
    "plain http, JavaScript",
    {
      "package.json": { name: "plain", main: "./app.js" },
      "app.js": `require("node:http").createServer((q, r) => r.end("plain")).listen(process.env.PORT);`,
    },
  ],
  [
    "Express, CommonJS",
    {
      "package.json": { name: "shop", dependencies: { express: "*" } },
      "index.js": `const app = require("express")(); app.get("/", (q, r) => r.send("express")); app.listen(process.env.PORT);`,
    },
  ],
  [
    "Fastify, TypeScript",
    {
      "package.json": { name: "api", type: "module", dependencies: { fastify: "*" } },
      "src/server.ts": `
        import Fastify from "fastify";
        const app = Fastify();
        app.get("/", async (): Promise<string> => "fastify");
        await app.listen({ port: Number(process.env["PORT"]) });
      `,
    },
  ],
];

for (const [name, files] of APPS) {
  test(`init in an app (${name}): then bash deploy.sh --serve serves it, and the tree stays clean`, async (t) => {
    const repository = await initialised(t, files);
    const port = await freePort();
    const options = { cwd: repository.folder, env: { PORT: String(port) } };
    const served = startProgram(t, "bash", ["deploy.sh", "--serve"], options);
    const expected = name.split(/[ ,]/)[0]?.toLowerCase() ?? "";
    await until(
      `the page of ${name}`,
      () =>
        pageOf(port).then(
          (page) => page === expected,
          () => false,
        ),
      60_000,
    ).catch((error: unknown) => {
      throw new Error(`${served.stdout}\n${served.stderr}`, { cause: error });
    });
    assert.equal(await repository.git("status", "--porcelain"), "");
  });
}

test("init explains each file in a line, can be run again, and keeps what somebody changed", async (t) => {
  const repository = await initialised(t, {
    "package.json": { name: "shop" },
    "server.js": "1",
    ".gitignore": "dist",
  });
  assert.equal(
    await readFile(join(repository.folder, ".gitignore"), "utf8"),
    "dist\nnode_modules/\n_target/\n_artifact.txt\n.inplace/\n",
  );
  const again = await inplace(t, ["init", "--json"], { cwd: repository.folder });
  const files = JSON.parse(again.stdout).files as { path: string; state: string; purpose: string }[];
  assert.deepEqual(new Set(files.map(({ state }) => state)), new Set(["unchanged"]));
  assert.ok(files.every(({ purpose }) => purpose.length > 0));

  const webConfig = join(repository.folder, "web.config");
  await writeFile(webConfig, "mine");
  const kept = await inplace(t, ["init"], { cwd: repository.folder });
  assert.match(kept.stdout, /kept +web\.config/);
  assert.equal(await readFile(webConfig, "utf8"), "mine");
  assert.equal((await inplace(t, ["init", "--force"], { cwd: repository.folder })).code, 0);
  assert.match(await readFile(webConfig, "utf8"), /httpPlatform/);
  assert.equal(await readFile(`${webConfig}.before-inplace`, "utf8"), "mine");
});

test("init outside of an app says where to run it", async (t) => {
  const repository = await sourceRepository(t, { "README.md": "no app" });
  const { code, stderr } = await inplace(t, ["init"], { cwd: repository.folder });
  assert.equal(code, 2);
  assert.match(stderr, /has no package\.json/);
});
