import assert from "node:assert/strict";
import { readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { PROJECT } from "../rig/project.ts";
import { runProgram } from "../rig/program.ts";
import { inplace, sourceRepository, type Files } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";
import { deployedAndServed, initialised, script } from "./initialised-app.ts";

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
    await deployedAndServed(t, repository.folder, name.split(/[ ,]/)[0]?.toLowerCase() ?? "");
    assert.equal(await repository.git("status", "--porcelain"), "");
  });
}

test("init in an app (what Next's standalone build leaves): it is served from its folder, static files beside it", async (t) => {
  // npm run test:next does it with Next itself.
  const next = `const { mkdirSync, writeFileSync } = require("node:fs");
    for (const folder of ["standalone", "static"]) mkdirSync(".next/" + folder, { recursive: true });
    writeFileSync(".next/static/style.css", "next to it");
    writeFileSync(".next/standalone/server.js", \`process.chdir(__dirname);
      require("node:http").createServer((q, r) => r.end(require("node:fs").readFileSync(".next/static/style.css")))
        .listen(Number(process.env.PORT), "0.0.0.0");\`);`;
  const files = {
    ".gitignore": "node_modules/\n.next/\n",
    "package.json": { name: "pages", dependencies: { next: "16" } },
    "next.config.mjs": `export default { output: "standalone" };`,
    "node_modules/next/build.js": next,
  };
  const repository = await initialised(t, files, (modules) =>
    script(join(modules, ".bin", "next"), `exec node "${join(modules, "next", "build.js")}"`),
  );
  await deployedAndServed(t, repository.folder, "next to it");
});

const MANAGERS: readonly [name: string, program: string, lockOnly: readonly string[]][] = [
  ["npm", "", ["npm", "install", "--package-lock-only"]],
  ["pnpm", "pnpm/bin/pnpm.cjs", ["pnpm", "install", "--lockfile-only"]],
  ["yarn 1", "yarn/bin/yarn.js", ["yarn", "install", "--production=false"]],
  ["yarn 4", "@yarnpkg/cli-dist/bin/yarn.js", ["yarn", "install", "--mode=update-lockfile"]],
];

for (const [name, program, lockOnly] of MANAGERS) {
  test(`deploy.sh in an app whose lock file is of ${name} installs with it, development packages too, and deploys`, async (t) => {
    const bin = await temporaryFolder(t);
    const [command = ""] = lockOnly;
    if (program !== "")
      await script(join(bin, command), `exec node "${join(PROJECT, "node_modules", program)}" "$@"`);
    const repository = await sourceRepository(t, {
      "package.json": {
        name: "shop",
        version: "1.0.0",
        dependencies: { greeting: "file:./greeting" },
        devDependencies: { "inplace-deploy": "file:./inplace" },
      },
      "greeting/package.json": { name: "greeting", version: "1.0.0", main: "index.js" },
      "greeting/index.js": `module.exports = "greetings by ${name}";`,
      // Stands for this package from a registry, and for all that it would bring.
      "inplace/package.json": {
        name: "inplace-deploy",
        version: "1.0.0",
        bin: { "inplace-deploy": "inplace.js" },
      },
      "inplace/inplace.js": `#!/usr/bin/env node\nimport(${JSON.stringify(join(PROJECT, "bin", "inplace.js"))});\n`,
      "index.js": `console.log(require("greeting"));`,
    });
    const cwd = repository.folder;
    const env = {
      PATH: `${bin}:${process.env["PATH"] ?? ""}`,
      HOME: await temporaryFolder(t),
      NODE_ENV: "production", // As App Service sets it.
      CI: undefined,
      YARN_ENABLE_GLOBAL_CACHE: "false",
    };
    const locked = await runProgram(t, command, lockOnly.slice(1), {
      cwd,
      env: { ...env, NODE_ENV: undefined },
    });
    assert.equal(locked.code, 0, locked.stdout + locked.stderr);
    await rm(join(cwd, "node_modules"), { recursive: true, force: true });
    assert.equal((await inplace(t, ["init"], { cwd })).code, 0);
    await repository.commit("deployed in place");
    const { code, stdout, stderr } = await runProgram(t, "bash", ["deploy.sh"], { cwd, env });
    assert.equal(code, 0, stdout + stderr);
    const [artifact = ""] = await readdir(join(cwd, "_target"));
    const answer = await runProgram(t, process.execPath, [join(cwd, "_target", artifact)], { cwd });
    assert.equal(answer.stdout, `greetings by ${name}\n`);
  });
}

test("deploy.sh in an app that does not name this package says so", async (t) => {
  const repository = await sourceRepository(t, { "package.json": { name: "shop" }, "server.js": "1" });
  const cwd = repository.folder;
  assert.equal((await inplace(t, ["init"], { cwd })).code, 0);
  const { code, stderr } = await runProgram(t, "bash", ["deploy.sh"], { cwd });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /inplace-deploy is not among the packages of package\.json\. Add it: npm install --save-dev inplace-deploy/,
  );
});

test("init explains each file in a line, can be run again, and keeps what somebody changed", async (t) => {
  const repository = await initialised(t, {
    "package.json": { name: "shop" },
    "server.js": "1",
    ".gitignore": "dist",
  });
  assert.equal(
    await readFile(join(repository.folder, ".gitignore"), "utf8"),
    "dist\nnode_modules/\n_target/\n_artifact.txt\n.inplace/\n.inplace-deploy/\n",
  );
  assert.equal(
    await readFile(join(repository.folder, ".gitattributes"), "utf8"),
    "deploy.sh text eol=lf\nlaunch.sh text eol=lf\nlaunch.cmd text eol=crlf\n",
  );
  const again = await inplace(t, ["init", "--json"], { cwd: repository.folder });
  const files = JSON.parse(again.stdout).files as { path: string; state: string; purpose: string }[];
  assert.deepEqual(new Set(files.map(({ state }) => state)), new Set(["unchanged"]));
  assert.ok(files.every(({ purpose }) => purpose.length > 0));

  // As a clone on Windows may have them.
  const script = join(repository.folder, "deploy.sh");
  const sound = await readFile(script, "utf8");
  await writeFile(script, sound.replaceAll("\n", "\r\n"));
  const webConfig = join(repository.folder, "Web.Config");
  await rename(join(repository.folder, "web.config"), webConfig);
  await writeFile(webConfig, "mine");
  const kept = await inplace(t, ["init"], { cwd: repository.folder });
  assert.match(kept.stdout, /kept +Web\.Config/);
  assert.match(kept.stdout, /wrote +deploy\.sh/);
  assert.equal(await readFile(script, "utf8"), sound);
  assert.deepEqual(
    (await readdir(repository.folder)).filter((name) => /^web|before-inplace$/i.test(name)),
    ["Web.Config"],
  );
  assert.equal(await readFile(webConfig, "utf8"), "mine");
  assert.equal((await inplace(t, ["init", "--force"], { cwd: repository.folder })).code, 0);
  assert.match(await readFile(webConfig, "utf8"), /httpPlatform/);
  assert.equal(await readFile(`${webConfig}.before-inplace`, "utf8"), "mine");
});

test("init over a site of iisnode and Kudu's own script leaves them, their rights too, and says what they do", async (t) => {
  const theirs = {
    "web.config": `<configuration><system.webServer><handlers>
      <add name="iisnode" path="server.js" verb="*" modules="iisnode"/></handlers></system.webServer></configuration>`,
    "deploy.sh": "#!/bin/bash\n# KUDU Deployment Script\nnpm install kudusync -g --silent\n",
    ".deployment": "[config]\ncommand = bash deploy.sh\n",
  };
  const repository = await sourceRepository(t, { ...theirs, "server.js": "1", "package.json": {} });
  const { folder } = repository;
  const first = await inplace(t, ["init"], { cwd: folder });
  assert.equal(await repository.git("diff", "--stat"), "");
  assert.match(first.stdout, /^kept +deploy\.sh +yours; ours installs/m);
  assert.match(first.stdout, /init --force replaces it and keeps a copy/);
  assert.match(first.stdout, /the web\.config here, and not ours, says what IIS and .* start/);
  assert.match(first.stdout, /then: inplace-deploy deploy \(bash deploy\.sh runs another one than ours\)$/m);
  const forced = await inplace(t, ["init", "--force"], { cwd: folder });
  assert.match(forced.stdout, /then: bash deploy\.sh --serve$/m);
  for (const [path, text] of Object.entries(theirs))
    assert.equal(await readFile(join(folder, `${path}.before-inplace`), "utf8"), text);
});

test("init where nothing can be deployed says so, and writes nothing", async (t) => {
  const repository = await sourceRepository(t, { "README.md": "no app" });
  const { code, stderr } = await inplace(t, ["init"], { cwd: repository.folder });
  assert.equal(code, 2);
  assert.match(stderr, /BUILD_NOT_CONFIGURED: Nothing in .* says how it is built/);
  assert.equal(await repository.git("status", "--porcelain"), "");
});
