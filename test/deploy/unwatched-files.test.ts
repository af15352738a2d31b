import assert from "node:assert/strict";
import { chmod, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { hashChanges } from "#src/deploy/git/changes.js";
import type { Repository } from "../rig/project.ts";
import { sourceRepository } from "../rig/source.ts";

const FILES = {
  "server.mjs": "one\n",
  "settings [1].txt": "a\n",
  "grüße/config.json": "{}\n",
  "run.sh": "true\n",
  ".gitattributes": "*.json text eol=crlf\n",
  "plain.txt": "p\n",
};

/** What was done to a file that git was told not to watch → whether the tree is what the commit says. */
const CASES: readonly [what: string, act: (repository: Repository) => Promise<unknown>, clean: boolean][] = [
  [
    "assumed unchanged, and unchanged",
    (r) => r.git("update-index", "--assume-unchanged", "server.mjs", "run.sh"),
    true,
  ],
  [
    "assumed unchanged, and edited to the same size",
    async (r) => {
      await r.git("update-index", "--assume-unchanged", "server.mjs");
      await r.edit("server.mjs", "one", "two");
    },
    false,
  ],
  [
    "skipped, edited, with characters that patterns are made of",
    async (r) => {
      await r.git("update-index", "--skip-worktree", "settings [1].txt");
      await r.edit("settings [1].txt", "a", "b");
    },
    false,
  ],
  [
    "skipped and assumed unchanged, edited",
    async (r) => {
      await r.git("update-index", "--skip-worktree", "grüße/config.json");
      await r.git("update-index", "--assume-unchanged", "grüße/config.json");
      await r.edit("grüße/config.json", "{}", "{ }");
    },
    false,
  ],
  [
    "skipped, written as its attributes say, and touched",
    async (r) => {
      await rm(join(r.folder, "grüße/config.json"));
      await r.git("checkout", "--", "grüße/config.json");
      await r.git("update-index", "--skip-worktree", "grüße/config.json");
      await utimes(join(r.folder, "grüße/config.json"), 1, 1);
    },
    true,
  ],
  [
    "skipped, and made executable",
    async (r) => {
      await r.git("update-index", "--skip-worktree", "run.sh");
      await chmod(join(r.folder, "run.sh"), 0o755);
    },
    false,
  ],
  [
    "skipped, and a link now",
    async (r) => {
      await r.git("update-index", "--skip-worktree", "plain.txt");
      await rm(join(r.folder, "plain.txt"));
      await symlink("run.sh", join(r.folder, "plain.txt"));
    },
    false,
  ],
  [
    "assumed unchanged, and deleted",
    async (r) => {
      await r.git("update-index", "--assume-unchanged", "plain.txt");
      await rm(join(r.folder, "plain.txt"));
    },
    false,
  ],
  [
    "left out of a sparse checkout",
    (r) => r.git("sparse-checkout", "set", "--no-cone", "/server.mjs", "/.gitattributes"),
    true,
  ],
  [
    "of a repository that assumes all that it wrote unchanged",
    async (r) => {
      await r.git("config", "core.ignoreStat", "true");
      await r.git("checkout", "--quiet", "--force", "HEAD", "--", ".");
      await r.edit("plain.txt", "p", "q");
    },
    false,
  ],
];

test("an edit of a file that git was told not to watch is a change, and what is left out is none", async (t) => {
  for (const [what, act, clean] of CASES) {
    const repository = await sourceRepository(t, FILES);
    await act(repository);
    const tags = await repository.git("ls-files", "-v");
    const digits = await hashChanges(repository.folder, []);
    assert.equal(digits === undefined, clean, what);
    assert.equal(await hashChanges(repository.folder, []), digits, what);
    assert.equal(await repository.git("ls-files", "-v"), tags, "the repository's index stays as it was");
  }
});

test("an unwatched edit in a submodule is a change, and which it is decides; what a site wrote itself is left out", async (t) => {
  const part = await sourceRepository(t, FILES);
  const repository = await sourceRepository(t, { "_target/kept.txt": "1" });
  const add = ["submodule", "--quiet", "add", part.folder, "part"];
  await repository.git("-c", "protocol.file.allow=always", ...add);
  await repository.commit("with a part");
  assert.equal(await hashChanges(repository.folder, []), undefined);
  await repository.git("-C", "part", "update-index", "--skip-worktree", "server.mjs");
  await repository.git("update-index", "--skip-worktree", "_target/kept.txt");
  await writeFile(join(repository.folder, "_target/kept.txt"), "2");
  assert.equal(await hashChanges(repository.folder, ["_target"]), undefined);
  await repository.edit("part/server.mjs", "one", "two");
  const second = await hashChanges(repository.folder, ["_target"]);
  await repository.edit("part/server.mjs", "two", "six");
  const third = await hashChanges(repository.folder, ["_target"]);
  assert.ok(second !== undefined && third !== undefined && second !== third);
});
