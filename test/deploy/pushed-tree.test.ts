import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openBareRepository } from "#src/deploy/git/repository.js";
import { showCommit, type Worktree } from "#src/deploy/git/worktree.js";
import { inplace, sourceRepository, writeFiles } from "../rig/source.ts";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.ts";

/** What a kill, a clean-up or a failing disk leaves of a tree, by who would find it. */
const DAMAGES: Readonly<Record<string, (tree: string, registration: string) => Promise<unknown>>> = {
  "a lock of the index": (_, registration) => writeFile(join(registration, "index.lock"), ""),
  "a lock of HEAD": (_, registration) => writeFile(join(registration, "HEAD.lock"), ""),
  "an index that was torn": (_, registration) => writeFile(join(registration, "index"), "DIRC\0\0"),
  "an empty index": (_, registration) => writeFile(join(registration, "index"), ""),
  "a HEAD that was torn": (_, registration) => writeFile(join(registration, "HEAD"), ""),
  "a registration that was pruned": (_, registration) => rm(registration, { recursive: true }),
  "all registrations gone": (_, registration) => rm(join(registration, ".."), { recursive: true }),
  "a registration that says nothing": (_, registration) => writeFile(join(registration, "gitdir"), ""),
  "a registration without its repository": (_, registration) => rm(join(registration, "commondir")),
  "a tree without its mark": (tree) => rm(join(tree, ".git")),
  "a mark that was torn": (tree) => writeFile(join(tree, ".git"), "gitdir"),
  "a mark that names another repository": (tree) => writeFile(join(tree, ".git"), "gitdir: ../other.git\n"),
  "a tree that is gone": (tree) => rm(tree, { recursive: true }),
  "a tree that is gone, and whose making was cut short": async (tree, registration) => {
    await rm(tree, { recursive: true });
    await writeFile(join(registration, "locked"), "initializing");
  },
  "a tree that was moved away": (tree) => rename(tree, `${tree}.old`),
  "a file in the place of the tree": async (tree) => {
    await rm(tree, { recursive: true });
    await writeFile(tree, "");
  },
  "an empty folder in the place of the tree": async (tree) => {
    await rm(tree, { recursive: true });
    await mkdir(tree);
  },
  "files that a build changed, added and removed": async (tree) => {
    await writeFile(join(tree, "server.mjs"), "changed");
    await writeFile(join(tree, "added.txt"), "added");
    await rm(join(tree, "deep"), { recursive: true });
  },
};

test("whatever became of the tree that pushes share, it shows the next commit", async (t) => {
  const folder = await temporaryFolder(t);
  const work = await sourceRepository(t, { "server.mjs": "one", "deep/file.txt": "deep" });
  const first = await work.git("rev-parse", "HEAD");
  await work.edit("server.mjs", "one", "two");
  await work.commit("two");
  const second = await work.git("rev-parse", "HEAD");
  const bare = join(folder, "shop.git");
  await work.git("clone", "--quiet", "--bare", ".", bare);
  await work.git("clone", "--quiet", "--bare", ".", join(bare, "other.git"));
  const tree: Worktree = {
    repository: await openBareRepository(bare),
    path: join(bare, "inplace", "shop"),
    signal: new AbortController().signal,
  };
  const shown = async (commit: string, content: string, what: string): Promise<void> => {
    await showCommit(tree, commit);
    assert.equal(await readFile(join(tree.path, "server.mjs"), "utf8"), content, what);
    assert.equal(await readFile(join(tree.path, "deep", "file.txt"), "utf8"), "deep", what);
    assert.equal(existsSync(join(tree.path, "added.txt")), false, what);
  };
  await shown(second, "two", "the first push");
  for (const [index, [what, damage]] of Object.entries(DAMAGES).entries()) {
    const mark = await readFile(join(tree.path, ".git"), "utf8");
    await damage(tree.path, mark.replace("gitdir: ", "").trim());
    await (index % 2 === 0 ? shown(first, "one", what) : shown(second, "two", what));
  }
});

test("a commit that changes nothing but attributes has its files written as they say", async (t) => {
  const work = await sourceRepository(t, { "server.mjs": "one\n", "deep/notes.txt": "two\n" });
  const first = await work.git("rev-parse", "HEAD");
  await writeFiles(work.folder, { "deep/.gitattributes": "*.txt eol=crlf\n" });
  const second = await work.commit("line ends of Windows");
  const bare = join(await temporaryFolder(t), "shop.git");
  await work.git("clone", "--quiet", "--bare", ".", bare);
  const path = join(bare, "inplace", "shop");
  const tree: Worktree = {
    repository: await openBareRepository(bare),
    path,
    signal: new AbortController().signal,
  };
  const notes = (): Promise<string> => readFile(join(path, "deep", "notes.txt"), "utf8");
  for (const [commit, text] of [
    [first, "two\n"],
    [second, "two\r\n"],
    [first, "two\n"],
  ] as const) {
    await showCommit(tree, commit);
    assert.equal(await notes(), text);
  }
});

test("--commit takes away its own tree, also one that a kill left, and no other that is away for a while", async (t) => {
  const repository = await sourceRepository(t);
  const layout = await temporarySite(t);
  const list = (): Promise<string> => repository.git("worktree", "list", "--porcelain");
  const aside = join(await temporaryFolder(t), "aside");
  await repository.git("worktree", "add", "--quiet", "--detach", aside);
  await rename(aside, `${aside}.unplugged`);
  const before = await list();
  const left = join(layout.root, ".inplace-deploy", "staging", "build-0123abcd", "checkout");
  await repository.git("worktree", "add", "--quiet", "--detach", left);
  const args = ["deploy", "--commit", await repository.git("rev-parse", "HEAD"), "--site-root", layout.root];
  await writeFile(join(repository.folder, "dirty.txt"), "");
  const { code, stderr } = await inplace(t, args, { cwd: repository.folder });
  assert.equal(code, 0, stderr);
  assert.equal(await list(), before);
});
