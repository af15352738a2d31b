import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { readHistory } from "#src/site/history.js";
import { asDeployer, siteLayout } from "#src/site/layout.js";
import { readManifest } from "#src/site/manifest.js";
import { readPointer } from "#src/site/pointer.js";
import { inplace, sourceAndSite, sourceRepository, startInplace } from "../rig/source.ts";
import { until } from "../rig/until.ts";
import { snapshot } from "../rig/snapshot.ts";

const run = promisify(execFile);

test("a deploy builds HEAD into _target, points at it, and says in manifest and history what it is", async (t) => {
  const repository = await sourceRepository(t);
  const commit = await repository.git("rev-parse", "HEAD");
  const { code, stdout, stderr } = await inplace(t, ["deploy"], { cwd: repository.folder });

  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
  const artifact = `shop-${commit.slice(0, 10)}.mjs`;
  assert.match(stdout, new RegExp(`^deployed ${artifact} in`, "m"));
  const layout = siteLayout(repository.folder);
  const pointer = await readPointer(layout);
  assert.ok(pointer.state === "names");
  assert.equal(pointer.artifact, artifact);
  assert.equal((await run(process.execPath, [pointer.path])).stdout, "one\n");
  const manifest = await readManifest(layout, artifact);
  assert.equal(manifest?.commit, commit);
  assert.equal(manifest.subject, "one");
  assert.equal(manifest.author, "A Tester");
  assert.equal(manifest.origin, "deploy");
  const { records } = await readHistory(layout);
  assert.deepEqual(
    records.map(({ event, artifact: name, subject }) => [event, name, subject]),
    [["published", artifact, "one"]],
  );
  assert.deepEqual(await readdir(asDeployer(layout).staging), []);
});

test("a commit that was built is not built again, and redeploying it changes nothing", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const args = ["deploy", "--site-root", layout.root];
  await inplace(t, args, { cwd: repository.folder });
  const before = await snapshot(layout.root);
  const { code, stdout } = await inplace(t, args, { cwd: repository.folder });
  assert.equal(code, 0);
  assert.match(stdout, /was built before/);
  assert.match(stdout, /is current already/);
  assert.deepEqual(await snapshot(layout.root), before);
});

test("an earlier commit goes live again without a build", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const args = ["deploy", "--site-root", layout.root, "--json"];
  const first = JSON.parse((await inplace(t, args, { cwd: repository.folder })).stdout);
  await repository.edit("server.mjs", "one", "two");
  await repository.commit("two");
  const second = JSON.parse((await inplace(t, args, { cwd: repository.folder })).stdout);
  assert.equal(second.previous, first.artifact);
  await repository.git("checkout", "--quiet", "HEAD~1");
  const again = JSON.parse((await inplace(t, args, { cwd: repository.folder })).stdout);
  assert.deepEqual([again.artifact, again.previous, again.reused], [first.artifact, second.artifact, true]);
});

test("rebuilt content that is the same keeps its name, and content that differs gets .2", async (t) => {
  const files = {
    "inplace.config.json": {
      build: { builder: "command", shell: 'cp "$INPUT" "$ARTIFACT"', extension: ".mjs" },
    },
  };
  const { repository, layout } = await sourceAndSite(t, files);
  const input = join(layout.root, "input");
  const deploy = async (content: string) => {
    await writeFile(input, content);
    const args = ["deploy", "--rebuild", "--json", "--site-root", layout.root];
    const { stdout } = await inplace(t, args, { cwd: repository.folder, env: { INPUT: input } });
    return JSON.parse(stdout).artifact;
  };
  const first = await deploy("1");
  assert.equal(await deploy("1"), first);
  const second = await deploy("2");
  assert.equal(second, first.replace(".mjs", ".2.mjs"));
  assert.equal(await deploy("3"), first.replace(".mjs", ".3.mjs"));
  assert.equal(await readFile(join(layout.target, first), "utf8"), "1");
});

test("an artifact that was damaged is built again beside it", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const args = ["deploy", "--json", "--site-root", layout.root];
  const { artifact } = JSON.parse((await inplace(t, args, { cwd: repository.folder })).stdout);
  await writeFile(join(layout.target, artifact), "");
  const again = JSON.parse((await inplace(t, args, { cwd: repository.folder })).stdout);
  assert.equal(again.artifact, artifact.replace(".mjs", ".2.mjs"));
});

test("--commit builds exactly that commit, whatever the working tree holds, and leaves no working tree behind", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const first = await repository.git("rev-parse", "HEAD");
  await repository.edit("server.mjs", "one", "two");
  await repository.commit("two");
  await repository.edit("server.mjs", "two", "three");
  const args = ["deploy", "--commit", first, "--json", "--site-root", layout.root];
  const { artifact } = JSON.parse((await inplace(t, args, { cwd: repository.folder })).stdout);
  assert.equal(artifact, `shop-${first.slice(0, 10)}.mjs`);
  assert.equal((await run(process.execPath, [join(layout.target, artifact)])).stdout, "one\n");
  assert.equal((await repository.git("worktree", "list")).split("\n").length, 1);
  assert.deepEqual(await readdir(asDeployer(layout).staging), []);
  assert.match(await repository.git("status", "--porcelain"), /^M server.mjs|^ ?M server.mjs/);
});

test("a project inside another site's repository is deployed into its own folder, and that site stays as it is", async (t) => {
  const configuration = { build: { builder: "entry", entry: "server.mjs" } };
  const repository = await sourceRepository(t, {
    "web.config": "<configuration/>",
    "inplace.config.json": { site: "outer", ...configuration },
    "tools/status/inplace.config.json": { site: "inner", ...configuration },
    "tools/status/server.mjs": "console.log('inner');\n",
  });
  const inner = join(repository.folder, "tools", "status");
  const { code, stdout, stderr } = await inplace(t, ["deploy", "--json"], { cwd: inner });
  assert.equal(code, 0, stderr);
  assert.match(JSON.parse(stdout).artifact, /^inner-/);
  assert.equal(await repository.git("status", "--short", "--untracked-files=no"), "");
  const pointer = await readPointer(siteLayout(inner));
  assert.equal(pointer.state, "names");
  assert.equal((await readPointer(siteLayout(repository.folder))).state, "missing");
});

test("a deploy --wait that is interrupted says that the release is published", async (t) => {
  const repository = await sourceRepository(t);
  const deploy = startInplace(t, ["deploy", "--wait"], { cwd: repository.folder });
  await until(
    () => `it is current: ${deploy.output}`,
    () => deploy.output.includes("current: shop-"),
  );
  const { code, stderr } = await deploy.interrupt();
  assert.equal(code, 130);
  assert.match(
    stderr,
    /^error INTERRUPTED: (shop-\S+) is published and current; it was not live yet\.\n +inplace-deploy wait \1 /,
  );
});
