import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mock, test } from "node:test";
import { neverSilent } from "#src/cli/never-silent.js";
import { startHeartbeat } from "#src/deploy/heartbeat.js";
import type { InplaceEvent } from "#src/events.js";
import { readHandover } from "#src/site/handover.js";
import { mayOverlap } from "#src/site/overlap.js";
import { deployHere } from "../rig/deploy-here.ts";
import { PROJECT } from "../rig/project.ts";
import { runProgram } from "../rig/program.ts";
import { APP, inplace, kuduEnvironment, sourceAndSite, writeFiles } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";

test("Kudu's environment decides source, target, site name and commit, from any working folder", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const commit = await repository.git("rev-parse", "HEAD");
  const temp = await temporaryFolder(t);
  const { code, stdout } = await inplace(t, ["deploy", "--json"], {
    cwd: temp,
    env: { ...kuduEnvironment(repository, layout), SCM_COMMIT_ID: commit, DEPLOYMENT_TEMP: temp },
  });
  assert.equal(code, 0);
  assert.equal(JSON.parse(stdout).artifact, `mysite-${commit.slice(0, 10)}.mjs`);
  assert.equal(existsSync(join(layout.target, `mysite-${commit.slice(0, 10)}.mjs`)), true);
  assert.equal(existsSync(join(repository.folder, "_target")), false);
});

test("how releases follow one another is said in the site, and what recycle costs, and each change, in the log", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const env = kuduEnvironment(repository, layout);
  const deployed = async (config: object): Promise<readonly [unknown, boolean, readonly string[]]> => {
    await writeFiles(repository.folder, { "package.json": { inplace: config } });
    await repository.commit(JSON.stringify(config));
    const { code, lines, error } = await deployHere(repository.folder, undefined, { env });
    assert.equal(code, 0, error?.message);
    const handover = await readHandover(layout);
    return [
      handover === undefined ? undefined : JSON.parse(handover),
      await mayOverlap(layout),
      lines.filter((line) => line.startsWith("rollout: ")),
    ];
  };
  const cost = "who comes while the old release drains waits for it; IIS answers 502.3";
  const toHandover =
    "rollout: handover from now on: the launcher starts a supervisor; what runs now gives way once more by recycling";
  const toRecycle =
    "rollout: recycle from now on: the supervisor that runs hands over this once, then the launcher starts the artifact itself";
  const supervise = { probationMs: 300 };
  assert.deepEqual(await deployed({}), [{}, true, []]);
  assert.deepEqual(await deployed({ supervise }), [supervise, true, []]);
  assert.deepEqual(await deployed({ rollout: "recycle" }), [
    undefined,
    true,
    [`rollout: recycle: ${cost}`, toRecycle],
  ]);
  assert.deepEqual(await deployed({ overlap: false }), [
    undefined,
    false,
    [`rollout: recycle (overlap: false): ${cost}`],
  ]);
  assert.deepEqual(await deployed({ rollout: "handover" }), [{}, true, [toHandover]]);
});

test("without DEPLOYMENT_TARGET, App Service's site under HOME is meant", async (t) => {
  const { repository } = await sourceAndSite(t);
  const home = await temporaryFolder(t);
  await mkdir(join(home, "site", "wwwroot"), { recursive: true });
  const env = { HOME: home, WEBSITE_SITE_NAME: "mysite" };
  assert.equal((await deployHere(repository.folder, undefined, { env })).code, 0);
  assert.equal(existsSync(join(home, "site", "wwwroot", "_artifact.txt")), true);
});

test("builds put their temporary files into DEPLOYMENT_TEMP", async (t) => {
  const { repository, layout } = await sourceAndSite(t, {
    "inplace.config.json": {
      build: { builder: "command", shell: 'printf %s "$TMPDIR" > "$ARTIFACT"', extension: ".txt" },
    },
  });
  const temp = await temporaryFolder(t);
  const env = { ...kuduEnvironment(repository, layout), DEPLOYMENT_TEMP: temp };
  const { artifact } = await deployHere(temp, undefined, { env });
  assert.equal(await readFile(join(layout.target, artifact), "utf8"), temp);
});

test("the id of a zip deployment names the artifact, with a repository and without, and each content has a name", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const folder = await temporaryFolder(t);
  await writeFiles(folder, APP);
  const deployed = async (source: string, id: string): Promise<string> => {
    const site = { DEPLOYMENT_TARGET: layout.root, WEBSITE_SITE_NAME: "mysite" };
    const env = { ...site, DEPLOYMENT_SOURCE: source, SCM_COMMIT_ID: id };
    return (await deployHere(folder, undefined, { env })).artifact;
  };
  assert.equal(await deployed(folder, "0123456789ABCDEF0123456789abcdef"), "mysite-0123456789.mjs");
  assert.equal(await deployed(folder, "temp-1a2b3c4d"), "mysite-temp-1a2b3c4d.mjs");
  await writeFiles(folder, { "server.mjs": "console.log('another');" });
  assert.equal(await deployed(folder, "temp-1a2b3c4d"), "mysite-temp-1a2b3c4d.2.mjs");
  const guid = "3F2504E0-4F89-11D3-9A0C-0305E82C3301";
  assert.equal(await deployed(repository.folder, guid), `mysite-${guid}.mjs`);
  await writeFiles(repository.folder, { "untracked.txt": "" });
  assert.equal(await deployed(repository.folder, "20240131.2"), "mysite-20240131.2.mjs");
});

test("SCM_COMMIT_ID of another commit than the folder shows builds that commit", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const first = await repository.git("rev-parse", "HEAD");
  await repository.edit("server.mjs", "one", "two");
  await repository.commit("two");
  const env = { ...kuduEnvironment(repository, layout), SCM_COMMIT_ID: ` ${first}\r\n` };
  const { artifact } = await deployHere(repository.folder, undefined, { env });
  assert.equal(artifact, `mysite-${first.slice(0, 10)}.mjs`);
  assert.match(await readFile(join(layout.target, artifact), "utf8"), /one/);
});

test("site files are copied when their content changed, and only then; what the site wrote stays", async (t) => {
  const { repository, layout } = await sourceAndSite(t, {
    ...APP,
    "inplace.config.json": { files: ["public", "robots.txt"] },
    "public/a.css": "a",
    "public/deep/b.css": "b",
    "robots.txt": "r",
    "web.config": "<configuration/>",
  });
  await writeFiles(layout.root, { "public/upload.png": "the site's own", "notes.txt": "mine" });
  const env = kuduEnvironment(repository, layout);
  const copied = async (): Promise<string[]> => {
    const { lines } = await deployHere(repository.folder, undefined, { env });
    return lines.filter((line) => line.startsWith("copied ")).map((line) => line.slice("copied ".length));
  };
  assert.deepEqual(
    (await copied()).filter((path) => !path.startsWith("launch")),
    ["inplace.config.json", "public/a.css", "public/deep/b.css", "robots.txt", "web.config"],
  );
  assert.equal(await readFile(join(layout.root, "public", "deep", "b.css"), "utf8"), "b");

  const old = new Date("2020-01-01T00:00:00Z");
  await utimes(join(layout.root, "robots.txt"), old, old);
  await repository.edit("public/a.css", "a", "changed");
  await repository.commit("two");
  assert.deepEqual(await copied(), ["public/a.css"]);
  assert.equal((await stat(join(layout.root, "robots.txt"))).mtimeMs, old.getTime());
  assert.equal(await readFile(join(layout.root, "public", "upload.png"), "utf8"), "the site's own");
  assert.equal(await readFile(join(layout.root, "notes.txt"), "utf8"), "mine");
});

test("files that are gone from the repository are removed from the site, by Kudu's manifests or our own list", async (t) => {
  const { repository, layout } = await sourceAndSite(t, {
    ...APP,
    "inplace.config.json": { files: ["public"] },
    "public/stays.css": "s",
    "public/goes.css": "g",
    "public/old/goes.css": "g",
    "kept-in-source.txt": "k",
  });
  const temp = await temporaryFolder(t);
  const first = join(temp, "first");
  const second = join(temp, "second");
  const env = kuduEnvironment(repository, layout);
  const deploy = (manifests: NodeJS.ProcessEnv) =>
    deployHere(repository.folder, undefined, { env: { ...env, ...manifests } });
  assert.equal((await deploy({ NEXT_MANIFEST_PATH: first })).code, 0);
  assert.deepEqual((await readFile(first, "utf8")).trim().split("\n"), [
    "inplace.config.json",
    "public/goes.css",
    "public/old/goes.css",
    "public/stays.css",
  ]);

  await repository.git("rm", "--quiet", "-r", "public/goes.css", "public/old");
  await repository.commit("two");
  // An earlier deployment by another script listed more, also what no deploy may touch.
  const hostile = [
    "kept-in-source.txt",
    "gone-for-long.txt",
    "_artifact.txt",
    "..\\secret",
    "web.config",
    "_target\\x",
  ];
  await writeFiles(layout.root, { "kept-in-source.txt": "k", "gone-for-long.txt": "g", "unlisted.txt": "u" });
  await writeFile(join(layout.root, "..", "secret"), "s");
  t.after(() => rm(join(layout.root, "..", "secret"), { force: true }));
  await writeFile(first, [await readFile(first, "utf8"), ...hostile].join("\r\n"));
  const { code, lines } = await deploy({ PREVIOUS_MANIFEST_PATH: first, NEXT_MANIFEST_PATH: second });
  assert.equal(code, 0);
  const removed = lines.flatMap((line) => /^removed (.*),/.exec(line)?.[1] ?? []);
  assert.deepEqual(removed, ["public/goes.css", "public/old/goes.css", "gone-for-long.txt"]);
  assert.equal(existsSync(join(layout.root, "public", "old")), false);
  for (const path of [
    "kept-in-source.txt",
    "unlisted.txt",
    "web.config",
    "_artifact.txt",
    "public/stays.css",
    "../secret",
  ]) {
    assert.equal(existsSync(join(layout.root, path)), true, path);
  }
});

test("in place, source and site are one folder: nothing is copied onto itself", async (t) => {
  const { repository } = await sourceAndSite(t, { ...APP, "inplace.config.json": { files: ["server.mjs"] } });
  const env = {
    DEPLOYMENT_SOURCE: repository.folder,
    DEPLOYMENT_TARGET: repository.folder,
    IN_PLACE_DEPLOYMENT: "1",
  };
  const { code, lines } = await deployHere(repository.folder, undefined, { env });
  assert.equal(code, 0);
  assert.doesNotMatch(lines.join("\n"), /copied server/);
});

test("POST_DEPLOYMENT_ACTION runs at the end, in its own folder, also with quotes around its path", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const folder = await temporaryFolder(t);
  const script = join(folder, "after.sh");
  await writeFile(script, `#!/bin/sh\ncat "${layout.pointer}" > seen\n`);
  await chmod(script, 0o755);
  const env = { ...kuduEnvironment(repository, layout), POST_DEPLOYMENT_ACTION: `"${script}"` };
  assert.equal((await deployHere(repository.folder, undefined, { env })).code, 0);
  assert.match(await readFile(join(folder, "seen"), "utf8"), /^_target\/mysite-/);
});

test("a POST_DEPLOYMENT_ACTION that fails, fails the deploy and says that the release is published", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const env = {
    ...kuduEnvironment(repository, layout),
    POST_DEPLOYMENT_ACTION: "echo no database >&2; exit 4",
  };
  const { code, stderr } = await inplace(t, ["deploy"], { cwd: repository.folder, env });
  assert.equal(code, 1);
  assert.match(stderr, /POST_ACTION_FAILED: The release is published, but/);
  assert.match(stderr, /exit code 4/);
  assert.match(stderr, /no database/);
  assert.equal(existsSync(layout.pointer), true);
});

test("a deploy that is silent in any phase says every 15 s that it goes on, and never beside the word of a build", async () => {
  mock.timers.enable({ apis: ["setInterval", "Date"] });
  try {
    const said: InplaceEvent[] = [];
    await neverSilent({ emit: (event) => void said.push(event) }, async ({ emit }) => {
      const build = startHeartbeat((elapsedMs) => emit({ type: "build-goes-on", elapsedMs }));
      for (let second = 1; second <= 40; second += 1) mock.timers.tick(1_000);
      build.stop();
      for (let second = 1; second <= 40; second += 1) mock.timers.tick(1_000);
    });
    mock.timers.tick(60_000);
    const types = said.map(({ type }) => type);
    const still = Array.from({ length: 3 }, () => "still-at-work"); // After 45.5, 61 and 76.5 s.
    assert.deepEqual(types, ["build-goes-on", "build-goes-on", ...still]);
  } finally {
    mock.timers.reset();
  }
});

test("a silent build is reported at least every 20 s, and one that talks is not", () => {
  mock.timers.enable({ apis: ["setInterval", "Date"] });
  try {
    const beats: number[] = [];
    const heartbeat = startHeartbeat((elapsedMs) => beats.push(elapsedMs));
    for (let second = 1; second <= 60; second += 1) mock.timers.tick(1_000);
    const gaps = [0, ...beats].map((at, index) => (beats[index] ?? 60_000) - at);
    assert.ok(beats.length >= 3 && gaps.every((gap) => gap <= 20_000), beats.join());
    heartbeat.stop();
    mock.timers.tick(60_000);
    assert.deepEqual(
      beats.filter((at) => at > 60_000),
      [],
    );
  } finally {
    mock.timers.reset();
  }
});

test(".deployment keeps Kudu from showing app_offline.htm and from touching web.config", async () => {
  const text = await readFile(join(PROJECT, ".deployment"), "utf8");
  const lines = text.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith(";"));
  assert.deepEqual(lines, [
    "[config]",
    "command = bash deploy.sh",
    "SCM_CREATE_APP_OFFLINE = 0",
    "SCM_TOUCH_WEBCONFIG_AFTER_DEPLOYMENT = 0",
  ]);
});

test("deploy.sh is a script that bash accepts, and says what it misses where there is no Node", async (t) => {
  const options = { cwd: PROJECT, env: { PATH: "/nonexistent" } };
  assert.equal((await runProgram(t, "/bin/bash", ["-n", "deploy.sh"], { cwd: PROJECT })).code, 0);
  const { code, stderr } = await runProgram(t, "/bin/bash", ["deploy.sh"], options);
  assert.equal(code, 1);
  assert.match(stderr, /Node 20\.19/);
});
