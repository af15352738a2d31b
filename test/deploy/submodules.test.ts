import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openBareRepository, openRepository } from "#src/deploy/git/repository.js";
import { absoluteAddress } from "#src/deploy/git/submodules.js";
import { showCommit } from "#src/deploy/git/worktree.js";
import type { Repository } from "../rig/project.ts";
import { sourceRepository, writeFiles, type Files } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";

test("a relative address is where git would look, from wherever the repository comes", () => {
  const table: readonly (readonly [base: string, url: string, expected: string])[] = [
    ["/srv/git/shop.git", "../lib.git", "/srv/git/lib.git"],
    ["/srv/git/shop.git/", "../../lib.git", "/srv/lib.git"],
    ["/srv/git/shop.git", "./lib.git", "/srv/git/shop.git/lib.git"],
    ["/srv/git/shop.git", ".././../lib.git/", "/srv/lib.git"],
    ["https://example.org/team/shop.git", "../lib.git", "https://example.org/team/lib.git"],
    ["ssh://git@example.org:2222/team/shop", "../../other/lib", "ssh://git@example.org:2222/other/lib"],
    ["git@example.org:team/shop.git", "../lib.git", "git@example.org:team/lib.git"],
    ["git@example.org:shop.git", "../lib.git", "git@example.org:lib.git"],
    ["git@example.org:team/shop.git", "../../lib.git", "git@example.org:lib.git"],
    ["C:\\git\\shop.git", "../lib.git", "C:/git/lib.git"],
    ["/srv/shop.git", "https://example.org/lib.git", "https://example.org/lib.git"],
    ["/srv/shop.git", "/srv/other/lib.git", "/srv/other/lib.git"],
    ["/srv/shop.git", "..lib", "..lib"],
  ];
  for (const [base, url, expected] of table)
    assert.equal(absoluteAddress(base, url), expected, `${base} ${url}`);
});

/** A bare repository of these files in the folder. */
async function publish(t: TestContext, folder: string, name: string, files: Files): Promise<Repository> {
  const repository = await sourceRepository(t, files);
  await repository.git("init", "--quiet", "--bare", join(folder, name));
  await repository.git("remote", "add", "origin", join(folder, name));
  await repository.git("push", "--quiet", "origin", "main");
  return repository;
}

/** In the working copy: the submodule at `path` is that repository's HEAD, from that address. */
async function link(work: Repository, path: string, of: Repository, url: string): Promise<void> {
  await writeFiles(work.folder, {
    ".gitmodules": `[submodule "${path}"]\n\tpath = "${path}"\n\turl = "${url}"\n`,
  });
  const head = await of.git("rev-parse", "HEAD");
  await work.git("update-index", "--add", "--cacheinfo", `160000,${head},${path}`);
  await work.git("add", ".gitmodules");
  await work.git("commit", "--quiet", "--message", "with a submodule");
}

test("submodules come from the address that the commit gives, as far as git may go there; a relative one from beside the repository", async (t) => {
  const folder = await temporaryFolder(t);
  const deep = await publish(t, folder, "deep [1].git", { "deep.txt": "deep" });
  const lib = await publish(t, folder, "lib.git", { "lib.txt": "first" });
  await link(lib, "deep =;", deep, "../deep [1].git");
  await lib.git("push", "--quiet", "origin", "main");
  const work = await publish(t, folder, "shop.git", { "server.mjs": "" });
  await link(work, "lib", lib, "../lib.git");
  const first = await work.git("rev-parse", "HEAD");
  // Elsewhere from now on, and only there does it go on.
  const moved = await publish(t, folder, "moved.git", { "lib.txt": "of another history" });
  await link(work, "lib", moved, "../moved.git");
  const second = await work.git("rev-parse", "HEAD");
  await work.git("push", "--quiet", "origin", "main");

  const bare = await openBareRepository(join(folder, "shop.git"));
  const own = await openRepository(work.folder);
  const { signal } = new AbortController();
  const pushed = { repository: bare, path: join(bare.top, "inplace", "shop"), signal };
  const content = (path: string): Promise<string> => readFile(join(pushed.path, "lib", path), "utf8");
  await assert.rejects(showCommit(pushed, first), /git submodule failed[^]*transport 'file' not allowed/);
  const allowed = { COUNT: "1", KEY_0: "protocol.file.allow", VALUE_0: "always" };
  for (const [name, value] of Object.entries(allowed)) {
    process.env[`GIT_CONFIG_${name}`] = value;
    t.after(() => delete process.env[`GIT_CONFIG_${name}`]);
  }
  await showCommit(pushed, first);
  assert.equal(await content("lib.txt"), "first");
  assert.equal(await content("deep =;/deep.txt"), "deep");
  await showCommit(pushed, second);
  assert.equal(await content("lib.txt"), "of another history");
  // As --commit does, in somebody's repository.
  assert.ok(own);
  const path = join(folder, "checkout");
  await showCommit({ repository: own, path, signal }, first);
  assert.equal(await readFile(join(path, "lib", "deep =;", "deep.txt"), "utf8"), "deep");
  for (const { git } of [bare, own])
    assert.doesNotMatch(await git("config", "--local", "--list"), /submodule/, "its settings stay");
});
