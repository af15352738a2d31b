import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inplace, writeFiles } from "../rig/source.ts";
import { pushTarget } from "./push-target.ts";

test("a push to the branch goes live, and the pusher sees how; packages stay, a lock that a kill left is in no way, and of what cannot be built they see why", async (t) => {
  const { bare, work, layout, push } = await pushTarget(t);
  const commit = await work.git("rev-parse", "--short=10", "HEAD");
  const seen = await push("main");
  assert.match(seen, new RegExp(`remote: building shop-${commit}`));
  assert.match(seen, new RegExp(`remote: deployed shop-${commit}.mjs`));
  assert.match(await readFile(layout.pointer, "utf8"), new RegExp(commit));

  const packages = join(bare.folder, "inplace", "shop", "node_modules", "kept.txt");
  await mkdir(join(packages, ".."));
  await writeFile(packages, "");
  await work.edit("server.mjs", "one", "two");
  const second = await work.commit("two");
  assert.match(await push("main"), new RegExp(`remote: deployed shop-${second}.mjs`));
  assert.equal(existsSync(packages), true);

  await writeFile(join(bare.folder, "worktrees", "shop", "index.lock"), "");
  await work.edit("server.mjs", "two", "three");
  const third = await work.commit("three");
  assert.match(await push("main"), new RegExp(`remote: deployed shop-${third}.mjs`));

  // One that cannot be built: the pusher sees why, and the site stays.
  const before = await readFile(layout.pointer, "utf8");
  await writeFiles(work.folder, { "server.mjs": "let broken = ;\n" });
  await work.commit("broken");
  const failed = await push("main");
  assert.match(failed, /remote: error BUILD_FAILED/);
  assert.match(failed, /remote: .*server\.mjs:1:13/);
  assert.equal(await readFile(layout.pointer, "utf8"), before);
});

test("the pusher of a commit with a submodule that git refuses sees git's words and no defect of ours", async (t) => {
  const { work, layout, push } = await pushTarget(t);
  await writeFiles(work.folder, {
    ".gitmodules": '[submodule "lib"]\n\tpath = lib\n\turl = ext::sh -c true\n',
  });
  const head = await work.git("rev-parse", "HEAD");
  await work.git("update-index", "--add", "--cacheinfo", `160000,${head.trim()},lib`);
  await work.git("add", ".gitmodules");
  await work.git("commit", "--quiet", "-m", "a submodule from anywhere");
  const seen = await push("main");
  assert.match(seen, /remote: error GIT_FAILED: git submodule/);
  assert.match(seen, /transport 'ext' not allowed/);
  assert.doesNotMatch(seen, /INTERNAL|defect/);
  assert.equal(existsSync(layout.pointer), false);
});

test("only the branch goes live, of several in one push too: HEAD's, or the one that was named; deleting one changes nothing", async (t) => {
  const { push, layout } = await pushTarget(t);
  assert.match(await push("main:topic"), /remote: nothing to deploy: only pushes to main go live/);
  assert.equal(existsSync(layout.pointer), false);
  const named = await pushTarget(t, { flags: ["--branch", "refs/heads/live"] });
  assert.match(await named.push("main"), /only pushes to live go live/);
  assert.match(await named.push("main:a", "main:live", "main:z"), /remote: deployed/);
  assert.match(await named.push(":live"), /nothing to deploy/);
  assert.equal(existsSync(named.layout.pointer), true);
});

test("a force push to an older commit makes that one current again, without a build", async (t) => {
  const { work, push } = await pushTarget(t);
  const first = await work.git("rev-parse", "--short=10", "HEAD");
  await push("main");
  await work.edit("server.mjs", "one", "two");
  await work.commit("two");
  await push("main");
  await work.git("reset", "--quiet", "--hard", "HEAD~1");
  const seen = await push("--force", "main");
  assert.match(seen, new RegExp(`shop-${first}.mjs was built before`));
  assert.match(seen, new RegExp(`deployed shop-${first}.mjs`));
});

test("a foreign hook is never overwritten without --force, and kept beside ours with it; the hook is for bare repositories, and needs a site", async (t) => {
  const { work, bare, layout } = await pushTarget(t);
  const hook = join(bare.folder, "hooks", "post-receive");
  const init = (...flags: string[]) =>
    inplace(t, ["init", "--git-hook", "--site-root", layout.root, ...flags], { cwd: bare.folder });
  assert.equal((await init()).code, 0, "ours may be written again");
  await writeFile(hook, "#!/bin/sh\necho mine\n");
  const refused = await init();
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /HOOK_EXISTS/);
  assert.equal(await readFile(hook, "utf8"), "#!/bin/sh\necho mine\n");
  assert.equal((await init("--force")).code, 0);
  assert.equal(await readFile(`${hook}.before-inplace`, "utf8"), "#!/bin/sh\necho mine\n");
  assert.match(await readFile(hook, "utf8"), /inplace-deploy/);

  const inWork = await inplace(t, ["init", "--git-hook", "--site-root", layout.root], { cwd: work.folder });
  assert.equal(inWork.code, 2);
  assert.match(inWork.stderr, /NOT_A_BARE_REPOSITORY/);
  await rm(join(bare.folder, "hooks", "post-receive"));
  const noSite = await inplace(t, ["init", "--git-hook"], { cwd: bare.folder });
  assert.equal(noSite.code, 2);
  assert.match(noSite.stderr, /--site-root/);
  for (const branch of ["bad branch name", "-x"]) {
    const flags = [`--branch=${branch}`, "--site-root", layout.root];
    const refused = await inplace(t, ["init", "--git-hook", ...flags], { cwd: bare.folder });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /USAGE: No branch can be called/);
  }
  assert.equal(existsSync(join(bare.folder, "hooks", "post-receive")), false);
});
