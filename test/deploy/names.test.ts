import assert from "node:assert/strict";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { SiteLayout } from "#src/site/layout.js";
import { deployHere } from "../rig/deploy-here.ts";
import { Repository } from "../rig/project.ts";
import { APP, sourceAndSite, writeFiles } from "../rig/source.ts";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.ts";

/** The artifact's name without ".mjs". */
async function deployedName(cwd: string, layout: SiteLayout, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const warnings: Error[] = [];
  const keep = (warning: Error): void => void warnings.push(warning);
  process.on("warning", keep);
  const { code, artifact, error } = await deployHere(cwd, layout.root, { env });
  // Node says them at its next turn.
  await setImmediate();
  process.off("warning", keep);
  assert.equal(code, 0, error?.message);
  assert.deepEqual(warnings, [], "no word of Node's own");
  return artifact.replace(".mjs", "");
}

test("uncommitted changes are part of the name: the same changes the same name, other changes another", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const commit = await repository.git("rev-parse", "--short=10", "HEAD");
  const name = () => deployedName(repository.folder, layout);
  assert.equal(await name(), `shop-${commit}`);
  await repository.edit("server.mjs", "one", "two");
  const changed = await name();
  assert.match(changed, new RegExp(`^shop-${commit}-dirty[0-9a-f]{6}$`));
  assert.equal(await name(), changed);
  for (let each = 0; each < 12; each++)
    await writeFile(join(repository.folder, `untracked${each}.txt`), "new");
  const untracked = await name();
  assert.notEqual(untracked, changed);
  await repository.git("clean", "--quiet", "-f");
  assert.equal(await name(), changed);
  await rm(join(repository.folder, "server.mjs"));
  await writeFile(join(repository.folder, "main.mjs"), "console.log(1)");
  assert.notEqual(await name(), changed);
});

test("ignored files, and what the site itself writes, do not make a tree dirty", async (t) => {
  const { repository } = await sourceAndSite(t, { ...APP, ".gitignore": "*.log\n" });
  const commit = await repository.git("rev-parse", "--short=10", "HEAD");
  await writeFile(join(repository.folder, "debug.log"), "x");
  const first = await deployHere(repository.folder, repository.folder);
  assert.equal(first.artifact, `shop-${commit}.mjs`);
  assert.equal((await deployHere(repository.folder, repository.folder)).reused, true);
});

test("detached HEAD, shallow clone and linked worktree have the commit's name", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const commit = await repository.commit("two");
  const folder = await temporaryFolder(t);

  await repository.git(
    "clone",
    "--quiet",
    "--depth=1",
    `file://${repository.folder}`,
    join(folder, "shallow"),
  );
  const shallow = new Repository(join(folder, "shallow"));
  assert.equal(await shallow.git("rev-parse", "--is-shallow-repository"), "true");
  await repository.git("worktree", "add", "--quiet", "--detach", join(folder, "linked"));
  await repository.git("checkout", "--quiet", "--detach");

  for (const cwd of [shallow.folder, join(folder, "linked"), repository.folder]) {
    const { artifact } = await deployHere(cwd, layout.root, { env: { WEBSITE_SITE_NAME: "mysite" } });
    assert.equal(artifact, `mysite-${commit}.mjs`, cwd);
  }
});

test("a change inside a submodule makes the tree dirty, and which change decides the name", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const { repository: part } = await sourceAndSite(t, { "part.txt": "1" });
  await repository.git(
    "-c",
    "protocol.file.allow=always",
    "submodule",
    "--quiet",
    "add",
    part.folder,
    "part",
  );
  const commit = await repository.commit("with a part");
  const name = () => deployedName(repository.folder, layout);
  assert.equal(await name(), `shop-${commit}`);
  await writeFile(join(repository.folder, "part", "part.txt"), "2");
  const second = await name();
  assert.match(second, /-dirty/);
  await writeFile(join(repository.folder, "part", "part.txt"), "3");
  assert.notEqual(await name(), second);
});

test("without git, and in a repository without a commit, the name holds the time in UTC", async (t) => {
  const layout = await temporarySite(t);
  const plain = join(await temporaryFolder(t), "shop");
  await mkdir(plain);
  await writeFiles(plain, APP);
  assert.match(await deployedName(plain, layout), /^shop-20\d{12}$/);
  const unborn = join(await temporaryFolder(t), "unborn");
  await cp(plain, unborn, { recursive: true });
  await new Repository(unborn).git("init", "--quiet");
  assert.match(await deployedName(unborn, layout), /^unborn-20\d{12}$/);
});

test("the site's name comes from WEBSITE_SITE_NAME, the configuration, package.json and the folder, in that order", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const siteOf = async (env?: NodeJS.ProcessEnv) =>
    (await deployedName(repository.folder, layout, env)).split("-")[0];
  assert.equal(await siteOf(), "shop");
  await writeFiles(repository.folder, { "package.json": { name: "@scope/packaged" } });
  assert.equal(await siteOf(), "packaged");
  await writeFiles(repository.folder, { "inplace.config.json": { site: "configured" } });
  assert.equal(await siteOf(), "configured");
  assert.equal(await siteOf({ WEBSITE_SITE_NAME: "kudu" }), "kudu");
});
