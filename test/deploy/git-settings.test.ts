import assert from "node:assert/strict";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gitIn, type GitOptions } from "#src/deploy/git/git.js";
import { readHistory } from "#src/site/history.js";
import { alive } from "../rig/alive.ts";
import { inplace, sourceAndSite, writeFiles } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";
import { until } from "../rig/until.ts";
import { pushTarget } from "./push-target.ts";

/** What people set for themselves; each of these once ended a deploy, or had it read something else. */
const SETTINGS = `
[log] showSignature = true
  date = relative
  decorate = full
[format] pretty = fuller
[color] ui = always
  status = always
[i18n] logOutputEncoding = ISO-8859-1
[core] autocrlf = true
  hooksPath = %HOOKS%
  fsmonitor = %HOOKS%/lies
  quotePath = true
  untrackedCache = true
  pager = false
  abbrev = 4
[safe] bareRepository = explicit
[status] showUntrackedFiles = no
  short = true
  branch = true
  relativePaths = true
[diff] noprefix = true
  ignoreSubmodules = all
  external = false
[submodule] recurse = true
[gpg] program = false
[commit] gpgSign = true
[advice] detachedHead = true
[clone] defaultRemoteName = upstream
`;

async function hostileEnvironment(folder: string): Promise<NodeJS.ProcessEnv> {
  const hooks = join(folder, "hooks");
  await mkdir(hooks);
  for (const hook of ["post-checkout", "post-index-change", "post-receive", "lies"]) {
    await writeFile(join(hooks, hook), `#!/bin/sh\necho "${hook} of all repositories" >&2\nexit 1\n`);
    await chmod(join(hooks, hook), 0o755);
  }
  const config = join(folder, "gitconfig");
  await writeFile(config, SETTINGS.replaceAll("%HOOKS%", hooks));
  return {
    GIT_CONFIG_GLOBAL: config,
    GIT_LITERAL_PATHSPECS: "1",
    GIT_DIR: join(folder, "elsewhere"),
    GIT_INDEX_FILE: join(folder, "elsewhere", "index"),
  };
}

const FILES = {
  "server.mjs": "console.log('one');\n",
  "inplace.config.json": { files: ["notes.txt"] },
  "notes.txt": "one line\nanother\n",
};

test("no setting of people, and no hook of theirs, changes what HEAD, --commit and a push deploy", async (t) => {
  const env = await hostileEnvironment(await temporaryFolder(t));
  const { repository, layout } = await sourceAndSite(t, FILES);
  const first = await repository.commit("grüße");
  const deploy = async (...args: string[]) => {
    const options = { cwd: repository.folder, env };
    const { code, stdout, stderr } = await inplace(
      t,
      ["deploy", "--site-root", layout.root, ...args],
      options,
    );
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  assert.match(await deploy(), new RegExp(`deployed shop-${first}.mjs`));
  assert.equal((await readHistory(layout)).records.at(-1)?.subject, "grüße");
  await repository.edit("server.mjs", "one", "two");
  const second = await repository.commit("two");
  await writeFiles(repository.folder, { "untracked.txt": "x" });
  assert.match(await deploy(), new RegExp(`deployed shop-${second}-dirty`));
  assert.match(await deploy("--commit", second), new RegExp(`deployed shop-${second}.mjs`));
  assert.equal(await readFile(join(layout.root, "notes.txt"), "utf8"), FILES["notes.txt"]);
  assert.match((await repository.git("worktree", "list")).trim(), /^[^\n]*$/, "no tree is left");
});

test("no setting of people keeps a push from going live, not even hooks that they gave to all repositories", async (t) => {
  const hostile = await hostileEnvironment(await temporaryFolder(t));
  const env = { GIT_CONFIG_GLOBAL: hostile["GIT_CONFIG_GLOBAL"] };
  const { work, layout, push } = await pushTarget(t, { files: FILES, env });
  const first = await work.commit("one");
  assert.match(await push("main"), new RegExp(`remote: deployed shop-${first}.mjs`));
  await work.edit("notes.txt", "another", "a second");
  const second = await work.commit("two");
  assert.match(await push("main"), new RegExp(`remote: deployed shop-${second}.mjs`));
  assert.equal(await readFile(join(layout.root, "notes.txt"), "utf8"), "one line\na second\n");
});

test("a repository that git refuses is said in git's words, with its cure, and what people allow by environment holds", async (t) => {
  const refused = { GIT_TEST_ASSUME_DIFFERENT_OWNER: "1" };
  const { bare, work, layout } = await pushTarget(t);
  const site = ["--site-root", layout.root];
  for (const [folder, args] of [
    [work.folder, ["deploy", ...site]],
    [bare.folder, ["init", "--git-hook", ...site]],
    [bare.folder, ["receive", ...site]],
  ] as const) {
    const { code, stderr } = await inplace(t, args, { cwd: folder, env: refused });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /NOT_A_REPOSITORY: git refuses .*detected dubious ownership/);
    assert.match(stderr, /git config --global --add safe\.directory/);
  }
  const allowed = { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" };
  const options = { cwd: work.folder, env: { ...refused, ...allowed } };
  const { code, stderr } = await inplace(t, ["deploy", ...site], options);
  assert.equal(code, 0, stderr);
});

test("a host without git is told so", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const options = { cwd: repository.folder, env: { PATH: await temporaryFolder(t) } };
  const { code, stderr } = await inplace(t, ["deploy", "--site-root", layout.root], options);
  assert.equal(code, 1);
  assert.match(stderr, /GIT_MISSING: git cannot be started/);
});

test("git that is stopped, or says nothing for too long, ends, and what it talks through with it", async (t) => {
  const { repository } = await sourceAndSite(t);
  // As ssh does, it ends with its input.
  await repository.git("config", "core.sshCommand", "echo pid $$ >&2; exec cat #");
  const ask = (options: GitOptions): Promise<string> =>
    gitIn(repository.folder, options)("ls-remote", "ssh://host.example/shop.git");
  const silent = await ask({ silenceMs: 2_000 }).catch(String);
  assert.match(silent, /pid \d+\nnothing came for 2 s/);
  const pid = Number(/pid (\d+)/.exec(silent)?.[1]);
  await until("the program of the silent git has ended", async () => !alive(pid));
  const stop = new AbortController();
  const stopped = ask({ signal: stop.signal });
  stop.abort(new Error("stopped by a person"));
  await assert.rejects(stopped, /stopped by a person/);
});
