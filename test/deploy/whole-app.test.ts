import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { freePort } from "../rig/free-port.ts";
import { startProgram } from "../rig/program.ts";
import { inplace, sourceAndSite, writeFiles, type Files } from "../rig/source.ts";
import { until } from "../rig/until.ts";
import { deployed, deployOf, NODE, run } from "./built-site.ts";

const IGNORE = "node_modules\ndist\n.env\n";

function config(build: object, more: object = {}): Files {
  return {
    "inplace.config.json": { build: { builder: "directory", directory: ".", ...build }, ...more },
    ".gitignore": IGNORE,
  };
}

/** What the artifact's start file prints. */
async function started(path: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const entry = (await readFile(join(path, "_entry.txt"), "utf8")).trim();
  const { stdout } = await run(NODE, [join(path, entry)], {
    cwd: dirname(path),
    env: { ...process.env, ...env },
  });
  return stdout.trim();
}

test("whole app: it starts in its own folder, as the main module, with the variables and arguments of its line", async (t) => {
  const { path } = await deployOf(t, {
    ...config({
      start: "GREETING='hello $NAME' node --require ./before.js ./bin/www --port ${PORT:-80} '$NONE'",
    }),
    "package.json": { name: "shop", version: "1.2.3" },
    "before.js": "globalThis.before = true",
    "bin/www": `#!/usr/bin/env node
      console.log(JSON.stringify([require.main === module, globalThis.before, process.env.GREETING, process.env.NODE_ENV,
        process.env.npm_package_version, process.argv.slice(2), process.cwd() === require("node:path").join(__dirname, "..")]));`,
  });
  assert.deepEqual(JSON.parse(await started(path, { NAME: "you", NODE_ENV: undefined, PORT: undefined })), [
    true,
    true,
    "hello you",
    "production",
    "1.2.3",
    ["--port", "80", ""],
    true,
  ]);
});

test("whole app: what a build made is in it, development packages, secrets and git's files are not", async (t) => {
  const { repository, path } = await deployOf(t, {
    ...config({
      shell:
        'mkdir -p dist && echo \'import "made"; console.log("built")\' > dist/main.mjs && echo SECRET=1 > .env',
      start: "node dist/main",
    }),
    "package.json": { dependencies: { made: "*" }, devDependencies: { tool: "*" } },
    "node_modules/made/package.json": { name: "made", main: "index.js", dependencies: { deep: "*" } },
    "node_modules/made/index.js": "require('deep')",
    "node_modules/deep/package.json": { name: "deep", main: "index.js" },
    "node_modules/deep/index.js": "console.log('deep')",
    "node_modules/tool/package.json": { name: "tool" },
  });
  assert.equal(await started(path), "deep\nbuilt");
  assert.deepEqual((await readdir(join(path, "node_modules"))).sort(), ["deep", "made"]);
  for (const name of [".env", ".git", "inplace.config.json"])
    assert.equal(existsSync(join(path, name)), false, name);
  assert.equal(await repository.git("status", "--porcelain"), "");
});

/** Its command is a program of the system; with a link of npm's the one that its install script put beside its wrapper. */
function packageWithProgram(command: string): Files {
  return {
    "node_modules/greet/package.json": { name: "greet", version: "1.0.0", bin: { greet: command } },
    "node_modules/greet/wrapper.cjs": "#!/usr/bin/env node\nconsole.log('the wrapper')",
    "node_modules/greet/bin/greet.exe": '#!/bin/sh\necho "$@"\n',
  };
}

const GREETS: Files = {
  ...config({ shell: "chmod +x node_modules/greet/bin/greet.exe", start: "greet hello you" }),
  "package.json": { dependencies: { greet: "1" } },
};
const WITHOUT_SH = { skip: process.platform === "win32" && "its program is a script of sh" };

test(
  "whole app: a command of a package that is no Node program starts from the package",
  WITHOUT_SH,
  async (t) => {
    const { path } = await deployOf(t, { ...GREETS, ...packageWithProgram("bin/greet.exe") });
    assert.equal((await run("sh", [join(path, "_start.sh")])).stdout, "hello you\n");
  },
);

test(
  "whole app: a program that a package linked in the place of its wrapper starts",
  WITHOUT_SH,
  async (t) => {
    const path = await deployWithLinks(
      t,
      { ...GREETS, ...packageWithProgram("wrapper.cjs") },
      { "node_modules/.bin/greet": "node_modules/greet/bin/greet.exe" },
    );
    assert.equal((await run("sh", [join(path, "_start.sh")])).stdout, "hello you\n");
  },
);

/** As pnpm lays packages: each in a store, with links to what it needs beside it. */
async function store(folder: string, links: Readonly<Record<string, string>>): Promise<void> {
  for (const [from, to] of Object.entries(links)) {
    await mkdir(dirname(join(folder, from)), { recursive: true });
    await symlink(join(folder, to), join(folder, from));
  }
}

async function deployWithLinks(t: TestContext, files: Files, links: Readonly<Record<string, string>>) {
  const { repository, layout } = await sourceAndSite(t, { ".gitignore": IGNORE });
  await writeFiles(repository.folder, files);
  await store(repository.folder, links);
  await repository.commit("app");
  return join(layout.target, await deployed(repository, layout));
}

test("whole app: packages that are links, two versions of one among them, become folders that Node finds", async (t) => {
  const pack = (name: string, version: string, main: string, more: object = {}): Files => ({
    [`node_modules/.pnpm/${name}@${version}/node_modules/${name}/package.json`]: {
      name,
      version,
      main: "index.js",
      ...more,
    },
    [`node_modules/.pnpm/${name}@${version}/node_modules/${name}/index.js`]: main,
  });
  const path = await deployWithLinks(
    t,
    {
      ...config({ start: "node index.js" }),
      "package.json": { dependencies: { a: "1", b: "1" } },
      "index.js": "console.log(require('a'), require('b'))",
      ...pack("a", "1", "module.exports = 'a with ' + require('b')", { dependencies: { b: "2" } }),
      ...pack("b", "1", "module.exports = 'b one'"),
      ...pack("b", "2", "module.exports = 'b two'"),
    },
    {
      "node_modules/a": "node_modules/.pnpm/a@1/node_modules/a",
      "node_modules/b": "node_modules/.pnpm/b@1/node_modules/b",
      "node_modules/.pnpm/a@1/node_modules/b": "node_modules/.pnpm/b@2/node_modules/b",
    },
  );
  assert.equal(await started(path), "a with b two b one");
});

test("whole app: a member of a workspace comes with its fellow members, and starts in its own folder", async (t) => {
  const path = await deployWithLinks(
    t,
    {
      "inplace.config.json": {
        build: { builder: "directory", directory: "packages/web", start: "node server.js" },
      },
      "package.json": { private: true, workspaces: ["packages/*"] },
      "packages/web/package.json": { name: "web", dependencies: { shared: "*" } },
      "packages/web/server.js": "console.log(require('shared'), require('node:fs').existsSync('server.js'))",
      "packages/shared/package.json": { name: "shared", main: "index.js", dependencies: { base: "*" } },
      "packages/shared/index.js": "module.exports = 'shared with ' + require('base')",
      "node_modules/base/package.json": { name: "base", main: "index.js" },
      "node_modules/base/index.js": "module.exports = 'base'",
    },
    { "node_modules/shared": "packages/shared", "node_modules/web": "packages/web" },
  );
  assert.equal(await started(path), "shared with base true");
});

test("whole app: worker threads and forked processes start under a launcher, which preloads the runtime by a relative name", async (t) => {
  const { path, layout } = await deployOf(t, {
    ...config({ start: "node main.mjs" }, { rollout: "recycle" }),
    "package.json": { type: "module" },
    "main.mjs": `
      import { fork } from "node:child_process";
      import { Worker } from "node:worker_threads";
      import { once } from "node:events";
      const worker = new Worker("./worker.cjs", { execArgv: undefined });
      console.log((await once(worker, "message"))[0]);
      console.log((await once(fork("child.mjs"), "message"))[0]);
      process.exit();`,
    "worker.cjs": "require('node:worker_threads').parentPort.postMessage('worker');",
    "child.mjs": "process.send('child');",
  });
  const { stdout } = await run("/bin/sh", ["./launch.sh"], { cwd: layout.root });
  assert.equal(stdout.trim(), "worker\nchild", path);
});

for (const name of ["dotenv", "@adonisjs/env"]) {
  test(`whole app: variables of a .env in the site reach an app with ${name}, and what the host sets wins`, async (t) => {
    const { path, layout } = await deployOf(t, {
      ...config({ start: "node main.js" }),
      "package.json": { dependencies: { [name]: "*" } },
      [`node_modules/${name}/package.json`]: { name },
      "main.js": "console.log(process.env.SECRET, process.env.HOST_SAYS)",
    });
    await writeFiles(layout.root, { ".env": "SECRET=of the site\nHOST_SAYS=nothing\n" });
    const printed = await started(path, { INPLACE_SITE_ROOT: layout.root, HOST_SAYS: "this" });
    assert.equal(printed, "of the site this");
  });
}

test("whole app: a package that the app names and that is not installed fails the build", async (t) => {
  const { repository, layout } = await sourceAndSite(t, {
    "inplace.config.json": { build: { builder: "directory", directory: ".", start: "node main.js" } },
    "package.json": { dependencies: { here: "*", gone: "*" } },
    "node_modules/here/package.json": { name: "here", dependencies: { unneeded: "*" } },
    "main.js": "",
  });
  const { code, stderr } = await inplace(t, ["deploy", "--site-root", layout.root], {
    cwd: repository.folder,
  });
  assert.equal(code, 3);
  assert.match(stderr, /BUILD_FAILED: Packages of .* are not installed: gone\./);
});

test("static: pages, folders and files are served with their types, and nothing beside them", async (t) => {
  const { path } = await deployOf(t, {
    "inplace.config.json": { build: { builder: "directory", directory: ".", static: "pages" } },
    "index.html": "<h1>home</h1>",
    "about.html": "about",
    "docs/index.html": "docs",
    "404.html": "lost",
    "style.css": "body{}",
    ".secret": "hidden",
  });
  const port = await freePort();
  startProgram(t, NODE, [join(path, "_server.mjs")], { cwd: path, env: { PORT: String(port) } });
  const ask = (url: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}${url}`, { redirect: "manual", headers });
  await until("the server answers", () =>
    ask("/").then(
      () => true,
      () => false,
    ),
  );
  const page = async (url: string): Promise<unknown[]> => {
    const answer = await ask(url);
    return [answer.status, await answer.text()];
  };
  assert.deepEqual(await page("/"), [200, "<h1>home</h1>"]);
  assert.deepEqual(await page("/about"), [200, "about"]);
  assert.deepEqual(await page("/docs/"), [200, "docs"]);
  for (const url of [
    "/nothing",
    "/.secret",
    "/..%2f_static.json",
    "/deploy.sh",
    "/inplace.config.json",
    "/%",
  ])
    assert.deepEqual(await page(url), [404, "lost"], url);
  assert.equal((await ask("/docs?a=1")).headers.get("location"), "/docs/?a=1");
  const style = await ask("/style.css");
  assert.equal(style.headers.get("content-type"), "text/css; charset=utf-8");
  assert.equal((await ask("/style.css", { "if-none-match": style.headers.get("etag") ?? "" })).status, 304);
  const part = await ask("/index.html", { range: "bytes=0-3" });
  assert.deepEqual(
    [part.status, await part.text(), part.headers.get("content-range")],
    [206, "<h1>", "bytes 0-3/13"],
  );
});
