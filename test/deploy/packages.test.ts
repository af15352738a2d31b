import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, lstat, mkdir, readFile, realpath, rm, symlink } from "node:fs/promises";
import { basename, isAbsolute, join } from "node:path";
import { test, type TestContext } from "node:test";
import { installation } from "#src/deploy/package-manager.js";
import {
  installOnce,
  installWhenChanged,
  providePackages,
  type InstallOptions,
} from "#src/deploy/packages.js";
import { PROJECT } from "../rig/project.ts";
import { runProgram } from "../rig/program.ts";
import { inplace, writeFiles, type Files } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";
import { script } from "./initialised-app.ts";
import { pushTarget } from "./push-target.ts";

const YARN_4 = "__metadata:\n  version: 8\n";
const YARN_1 = "# yarn lockfile v1\n";
const NPM = "--include=dev --no-audit --no-fund";
const PNPM = "pnpm install --frozen-lockfile --prod=false --config.confirmModulesPurge=false";

const LOCKED: readonly [files: Files, command: string][] = [
  [{}, `npm install ${NPM} --no-package-lock`],
  [{ "package-lock.json": "" }, `npm ci ${NPM}`],
  [{ "npm-shrinkwrap.json": "" }, `npm ci ${NPM}`],
  [{ "pnpm-lock.yaml": "" }, PNPM],
  [{ "yarn.lock": YARN_1 }, "yarn install --frozen-lockfile --production=false"],
  [{ "yarn.lock": YARN_4 }, "yarn install --immutable"],
  [{ "yarn.lock": YARN_4.replaceAll("\n", "\r\n") }, "yarn install --immutable"],
  [{ "bun.lock": "" }, "bun install --frozen-lockfile"],
  [{ "bun.lockb": "" }, "bun install --frozen-lockfile"],
  [{ "package-lock.json": "", "yarn.lock": YARN_1 }, "yarn install --frozen-lockfile --production=false"],
  [{ "package-lock.json": "", "pnpm-lock.yaml": "" }, PNPM],
  [
    { "package.json": { packageManager: "npm@10.9.0" }, "package-lock.json": "", "pnpm-lock.yaml": "" },
    `npm ci ${NPM}`,
  ],
  [
    { "package.json": { packageManager: "yarn@4.1.0" }, "pnpm-lock.yaml": "", "yarn.lock": YARN_4 },
    "yarn install --immutable",
  ],
  ...ownYarns(),
];

/** A yarn that lies in the repository, as its settings name it, in each form. */
function ownYarns(): [files: Files, command: string][] {
  const made = `console.log(require("node:path").basename(__filename), ...process.argv.slice(2));
    const fs = require("node:fs");
    fs.mkdirSync("node_modules/.bin", { recursive: true });
    fs.symlinkSync("/bin/true", "node_modules/.bin/inplace-deploy");`;
  const newer = ".yarn/releases/yarn-4.1.0.cjs";
  const forms: readonly [settings: Files, lock: string, path: string, args: string][] = [
    [
      { ".yarnrc.yml": `nodeLinker: node-modules\n\nyarnPath: ${newer}\n` },
      YARN_4,
      newer,
      "install --immutable",
    ],
    [{ ".yarnrc.yml": `yarnPath: "./${newer}" # ours\r\n` }, YARN_4, newer, "install --immutable"],
    [
      { ".yarnrc": '# of yarn 1\nyarn-path "tools/yarn one.js"\n' },
      YARN_1,
      "tools/yarn one.js",
      "install --frozen-lockfile --production=false",
    ],
  ];
  const own = forms.map(([settings, lock, path, args]): [Files, string] => [
    { ...settings, "yarn.lock": lock, [path]: made },
    `${basename(path)} ${args}`,
  ]);
  // Named and not there, as where .gitignore leaves it out.
  return [
    ...own,
    [{ ".yarnrc.yml": `yarnPath: ${newer}\n`, "yarn.lock": YARN_4 }, "yarn install --immutable"],
  ];
}

test("packages are installed as the lock file says that is there, by deploy.sh as by a push", async (t) => {
  const bin = await temporaryFolder(t);
  const says = `echo "$(basename "$0") $*"; mkdir -p node_modules/.bin; ln -s /bin/true node_modules/.bin/inplace-deploy`;
  for (const manager of ["npm", "pnpm", "yarn", "bun"]) await script(join(bin, manager), says);
  const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}` };
  for (const [files, command] of LOCKED) {
    const cwd = await temporaryFolder(t);
    await writeFiles(cwd, { "package.json": { name: "shop" }, ".git/HEAD": "", ...files });
    const asked = installation(cwd, process.env);
    assert.ok(asked.kind === "argv");
    const words = [asked.file, ...asked.args];
    const shown = words
      .slice(asked.file === process.execPath ? 1 : 0)
      .map((word) => (word.endsWith("npm-cli.js") ? "npm" : isAbsolute(word) ? basename(word) : word));
    assert.equal(shown.join(" "), command);
    await copyFile(join(PROJECT, "templates", "deploy.sh"), join(cwd, "deploy.sh"));
    const { code, stdout, stderr } = await runProgram(t, "bash", ["deploy.sh"], { cwd, env });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `installing packages\n${command}\n`);
  }
});

async function appWithPackage(t: TestContext): Promise<string> {
  const folder = await realpath(await temporaryFolder(t));
  await writeFiles(folder, {
    "package.json": { name: "shop", version: "1.0.0", dependencies: { tiny: "file:tiny" } },
    "tiny/package.json": { name: "tiny", version: "1.0.0", main: "index.js" },
    "tiny/index.js": "module.exports = 'tiny';",
  });
  return folder;
}

/** How it installs, and how often it did. */
function installer(env: NodeJS.ProcessEnv): InstallOptions & { readonly count: () => number } {
  let count = 0;
  const lines: string[] = [];
  return {
    env: { ...process.env, ...env },
    limitMs: 60_000,
    signal: new AbortController().signal,
    onLine: (line) => lines.push(line),
    onStart: () => (count += 1),
    count: () => count,
  };
}

test("a tree that is kept gets its packages once, anew when what is locked or its manager changes, or after a kill", async (t) => {
  const bin = await temporaryFolder(t);
  await script(join(bin, "pnpm"), `exec node "${join(PROJECT, "node_modules/pnpm/bin/pnpm.cjs")}" "$@"`);
  const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}`, HOME: bin };
  const folder = await appWithPackage(t);
  const place = { top: folder, folder };
  const tiny = join(folder, "node_modules", "tiny", "index.js");
  const install = installer(env);
  await installWhenChanged(place, install);
  await installWhenChanged(place, install);
  assert.equal(install.count(), 1);
  assert.equal(await readFile(tiny, "utf8"), "module.exports = 'tiny';");
  assert.equal(existsSync(join(folder, "package-lock.json")), false, "and nothing else changes");

  const lock = await runProgram(t, "pnpm", ["install", "--lockfile-only"], { cwd: folder, env });
  assert.equal(lock.code, 0, lock.stdout);
  await installWhenChanged(place, install);
  await installWhenChanged(place, install);
  assert.equal(install.count(), 2);
  assert.equal(existsSync(join(folder, "node_modules", ".modules.yaml")), true, "they are pnpm's now");

  await rm(join(folder, "node_modules", ".inplace-installed"));
  await installWhenChanged(place, install);
  assert.equal(install.count(), 3);
  assert.equal(existsSync(tiny), true);
});

test("an author's tree gets packages where there are none, and else keeps those that are there", async (t) => {
  const folder = await appWithPackage(t);
  const install = installer({});
  await installOnce({ top: folder, folder }, install);
  assert.equal(existsSync(join(folder, "node_modules", "tiny", "index.js")), true);
  await writeFiles(folder, { "package.json": { name: "shop", dependencies: { other: "1" } } });
  await installOnce({ top: folder, folder }, install);
  assert.equal(install.count(), 1);
});

test("a tree of one deploy shares the author's packages, unless one of them is a link to the author's own files", async (t) => {
  const author = await appWithPackage(t);
  await mkdir(join(author, "node_modules", "@of"), { recursive: true });
  await writeFiles(author, { "node_modules/tiny/index.js": "" });
  const provided = async (): Promise<boolean> => {
    const folder = await appWithPackage(t);
    await providePackages({ top: folder, folder }, { top: author, folder: author }, installer({}));
    assert.equal(existsSync(join(folder, "node_modules", "tiny", "index.js")), true);
    return (await lstat(join(folder, "node_modules"))).isSymbolicLink();
  };
  assert.equal(await provided(), true);
  await symlink(join(author, "tiny"), join(author, "node_modules", "@of", "tiny"));
  assert.equal(await provided(), false);
});

test("the pusher of a workspace learns what says which member is the site; the hook then deploys that one", async (t) => {
  const member = (name: string): Files => ({
    [`apps/${name}/package.json`]: { name, version: "1.0.0", scripts: { start: "node main.mjs" } },
    [`apps/${name}/main.mjs`]: `console.log("${name}");\n`,
  });
  const { bare, work, push } = await pushTarget(t, {
    files: {
      "package.json": { private: true, workspaces: ["apps/*"] },
      ...member("web"),
      ...member("admin"),
    },
  });
  assert.match(
    await push("main"),
    /BUILD_NOT_CONFIGURED: [^]*init in the member of the workspace that is the site \(apps\/admin, apps\/web\)/,
  );
  const config = { build: { builder: "entry", entry: "main.mjs" } };
  await writeFiles(work.folder, {
    "apps/web/inplace.config.json": config,
    "apps/admin/inplace.config.json": config,
  });
  await work.commit("configured");
  const several = await push("main");
  assert.match(several, /Several members of the workspace have a configuration: apps\/admin, apps\/web\./);
  assert.match(several, /init --git-hook --source apps\/admin/);
  const site = join(bare.folder, "..", "site");
  await mkdir(site);
  const args = ["init", "--git-hook", "--source", "apps/web", "--site-root", site];
  assert.equal((await inplace(t, args, { cwd: bare.folder })).code, 0);
  const commit = await work.commit("again");
  assert.match(await push("main"), new RegExp(`remote: deployed web-${commit}.mjs`));
});

test("deploy.sh in a member of a workspace installs above it, and only once", async (t) => {
  const bin = await temporaryFolder(t);
  await script(
    join(bin, "npm"),
    `echo "npm $1 in $(basename "$PWD")"; mkdir -p node_modules/.bin; printf '#!/bin/sh\\nprintf %%s "$*"' > node_modules/.bin/inplace-deploy
     chmod +x node_modules/.bin/inplace-deploy`,
  );
  const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}` };
  for (const [files, install] of [
    [{ "root/package-lock.json": "" }, "npm ci in root"],
    [{ "root/npm-shrinkwrap.json": "" }, "npm ci in root"],
    [{ "root/packages/deep/web/package-lock.json": "" }, "npm ci in web"],
  ] as const) {
    const folder = await temporaryFolder(t);
    const cwd = join(folder, "root", "packages", "deep", "web");
    await writeFiles(folder, {
      "root/.git/HEAD": "",
      "root/package.json": { workspaces: ["packages/deep/*"] },
      "root/packages/deep/web/package.json": { name: "web" },
      ...files,
    });
    await copyFile(join(PROJECT, "templates", "deploy.sh"), join(cwd, "deploy.sh"));
    const deploys = async (): Promise<string> =>
      (await runProgram(t, "bash", ["deploy.sh"], { cwd, env })).stdout;
    assert.equal(await deploys(), `installing packages\n${install}\ndeploy`, install);
    assert.equal(await deploys(), "deploy", install);
  }
});

test("deploy.sh deploys where stdout, stderr or both are closed", async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFiles(cwd, { "package.json": { name: "shop" }, ".git/HEAD": "", "package-lock.json": "" });
  await mkdir(join(cwd, "node_modules", ".bin"), { recursive: true });
  await script(join(cwd, "node_modules", ".bin", "inplace-deploy"), 'echo said; echo "$*" >> ran');
  await copyFile(join(PROJECT, "templates", "deploy.sh"), join(cwd, "deploy.sh"));
  for (const closed of [">&-", "2>&-", ">&- 2>&-", "<&- >&-"]) {
    await rm(join(cwd, "ran"), { force: true });
    const line = `bash deploy.sh --json ${closed}`;
    const { code, stderr } = await runProgram(t, "bash", ["-c", line], { cwd });
    assert.deepEqual([code, stderr], [0, ""], line);
    assert.equal(await readFile(join(cwd, "ran"), "utf8"), "deploy --json\n", line);
  }
  const own = (await readFile(join(PROJECT, "deploy.sh"), "utf8")).split("\nif ")[0] ?? "";
  const theirs = await readFile(join(PROJECT, "templates", "deploy.sh"), "utf8");
  assert.ok(theirs.startsWith(own), "this project's own begins as theirs does");
});
