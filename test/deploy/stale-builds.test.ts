import assert from "node:assert/strict";
import { realpath, symlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openRepository } from "#src/deploy/git/repository.js";
import { expectOfCommit } from "#src/deploy/taken-files.js";
import { inplace, sourceAndSite, sourceRepository, writeFiles, type Files } from "../rig/source.ts";

const IGNORE = "dist\nbuild/\n*.gen.js\nsecret.json\nnode_modules\n";
const SOURCES: Files = {
  ".gitignore": IGNORE,
  "README.md": "",
  "package.json": {},
  "src/server.ts": "",
  "public/page.html": "",
};
const MADE: Files = {
  "dist/server.js": "",
  "dist/readme.txt": "",
  "packages/lib/build/index.js": "",
  "src/names.gen.js": "",
  "secret.json": "{}",
  "node_modules/left/index.js": "",
};
const OLD = new Date(2020, 1, 1);

/** Taken files, when the sources were changed last ("after" or "before" they were made), whether a command ran → what is said. */
const CASES: readonly [
  what: string,
  taken: string[],
  sources: "after" | "before",
  built: boolean,
  said: RegExp,
][] = [
  ["files of the commit", ["src/server.ts", "public/page.html"], "after", false, /^$/],
  ["packages", ["node_modules/left/index.js"], "after", false, /^$/],
  [
    "an entry point of an earlier build",
    ["dist/server.js"],
    "after",
    false,
    /^BUILD_STALE dist\/server\.js: .*older than (src|public)\//,
  ],
  [
    "a bundle of a member's earlier build",
    ["src/server.ts", "packages/lib/build/index.js"],
    "after",
    false,
    /^BUILD_STALE packages\/lib\/build\/index\.js/,
  ],
  [
    "a generated file beside the sources",
    ["src/names.gen.js"],
    "after",
    false,
    /^BUILD_STALE src\/names\.gen\.js/,
  ],
  [
    "an entry point that an earlier step built",
    ["dist/server.js"],
    "before",
    false,
    /^warning dist\/server\.js: .*git ignores it/,
  ],
  ["a file that nothing compiles", ["secret.json"], "after", false, /^warning secret\.json: /],
  [
    "what a command left as it was, from before",
    ["dist/server.js", "dist/readme.txt"],
    "after",
    true,
    /^warning dist\/readme\.txt, dist\/server\.js: .*left by an earlier build/,
  ],
  ["what a command left as it was, and is newer", ["dist/server.js"], "before", true, /^$/],
];

test("what git ignores is part of a release only with a word, and never when it is older than the sources", async (t) => {
  const { folder } = await sourceRepository(t, SOURCES);
  await writeFiles(folder, MADE);
  const repository = await openRepository(folder);
  assert.ok(repository !== undefined);
  const touch = (files: Files, at: Date): Promise<unknown> =>
    Promise.all(Object.keys(files).map((path) => utimes(join(folder, path), at, at)));
  for (const [what, paths, sources, built, said] of CASES) {
    await touch(SOURCES, sources === "before" ? OLD : new Date());
    await touch(MADE, sources === "before" ? new Date() : OLD);
    const heard: string[] = [];
    await expectOfCommit({
      repository,
      taken: paths.map((path) => join(folder, path)),
      built,
      onWarning: ({ message }) => void heard.push(`warning ${message}`),
    }).catch((error: unknown) => {
      const { code, message } = error as { code: string; message: string };
      heard.push(`${code} ${message}`);
    });
    assert.match(heard.join("\n"), said, what);
  }
});

test("changed packages, texts at the top and the site's own files make no build old", async (t) => {
  const { folder } = await sourceRepository(t, SOURCES);
  await writeFiles(folder, MADE);
  const repository = await openRepository(folder);
  assert.ok(repository !== undefined);
  for (const path of ["src/server.ts", "public/page.html"]) await utimes(join(folder, path), OLD, OLD);
  await utimes(join(folder, "dist/server.js"), new Date(2021, 1, 1), new Date(2021, 1, 1));
  const heard: string[] = [];
  const onWarning = ({ message }: { message: string }): void => void heard.push(message);
  await expectOfCommit({ repository, taken: [join(folder, "dist/server.js")], built: false, onWarning });
  assert.match(heard.join(), /git ignores it/);
});

test("what a build takes from outside of the repository is named, however it is reached; packages are not", async (t) => {
  const build = { builder: "entry", entry: "server.cjs" };
  const { repository, layout } = await sourceAndSite(t, {
    ".gitignore": "linked\nnode_modules\n",
    "inplace.config.json": { build },
    "server.cjs": `require("../outs/a.js"); require("./linked/b.js"); require("../node_modules/far/index.js");`,
  });
  const { folder } = repository;
  const outs = join(await realpath(join(folder, "..")), "outs");
  await writeFiles(join(folder, ".."), {
    "outs/a.js": "",
    "elsewhere/b.js": "",
    "node_modules/far/index.js": "",
  });
  await symlink("../elsewhere", join(folder, "linked"));
  const deploy = (...args: string[]) =>
    inplace(t, ["deploy", "--json", "--site-root", layout.root, ...args], { cwd: folder });
  const near = await deploy();
  assert.equal(near.code, 0, near.stderr);
  assert.match(
    near.stderr,
    /\/elsewhere\/b\.js, \/.*\/outs\/a\.js: part of the release[^]*outside of the repository/,
  );
  assert.doesNotMatch(near.stderr, /far/);
  await writeFiles(folder, { "server.cjs": `require(${JSON.stringify(join(outs, "a.js"))});` });
  const commit = await repository.commit("by its whole path");
  await writeFiles(folder, { "server.cjs": "" });
  const checkedOut = await deploy("--commit", commit);
  assert.match(checkedOut.stderr, /\/outs\/a\.js: part of the release/);
});

test("a TypeScript app whose dist was built before the commit is not published under its name, unless that is allowed", async (t) => {
  const build = { builder: "entry", entry: "dist/server.js" };
  const { repository, layout } = await sourceAndSite(t, {
    ...SOURCES,
    "inplace.config.json": { build },
    "dist/server.js": "console.log('old')",
  });
  const { folder } = repository;
  await utimes(join(folder, "dist/server.js"), OLD, OLD);
  const deploy = (...args: string[]) =>
    inplace(t, ["deploy", "--site-root", layout.root, ...args], { cwd: folder });
  const refused = await deploy();
  assert.equal(refused.code, 3, refused.stdout);
  assert.match(refused.stderr, /BUILD_STALE: dist\/server\.js[^]*build\.command/);
  await utimes(join(folder, "dist/server.js"), new Date(), new Date());
  const fresh = await deploy("--json");
  assert.equal(fresh.code, 0, fresh.stderr);
  const { warnings } = JSON.parse(fresh.stdout) as { warnings: { message: string; hint: string }[] };
  assert.match(
    warnings.map(({ message, hint }) => message + hint).join(),
    /dist\/server\.js[^]*build\.command/,
  );
  assert.match(fresh.stderr, /dist\/server\.js[^]*git ignores it/);
  const commit = await repository.git("rev-parse", "HEAD");
  const clean = await deploy("--rebuild", "--commit", commit);
  assert.equal(clean.code, 2, "a clean checkout has none of it");
  assert.match(clean.stderr, /there is no "dist\/server\.js"/);
  await writeFiles(folder, { "inplace.config.json": { build: { ...build, allowIgnored: true } } });
  await repository.commit("allowed");
  await utimes(join(folder, "dist/server.js"), OLD, OLD);
  const allowed = await deploy();
  assert.deepEqual([allowed.code, allowed.stderr], [0, ""]);
});
