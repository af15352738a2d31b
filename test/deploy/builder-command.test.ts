import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inplace, sourceAndSite, startInplace } from "../rig/source.ts";
import { until } from "../rig/until.ts";
import {
  assertStagingEmpty,
  byCommand,
  deployOf,
  failedDeploy,
  releasedSite,
  NODE,
  run,
} from "./built-site.ts";

test("command: gets ARTIFACT, COMMIT and SITE, and what it makes is executable", async (t) => {
  const { path, repository } = await deployOf(
    t,
    {
      "inplace.config.json": {
        build: { builder: "command", command: [NODE, "make.mjs", "$ARTIFACT"], extension: "" },
      },
      "make.mjs": `
        import { writeFileSync } from "node:fs";
        const { ARTIFACT, COMMIT, SITE } = process.env;
        if (process.argv[2] !== ARTIFACT) throw new Error(process.argv[2]);
        writeFileSync(ARTIFACT, "#!/bin/sh\\necho " + COMMIT + " " + SITE + "\\n");
      `,
    },
    { WEBSITE_SITE_NAME: "mysite" },
  );
  const commit = await repository.git("rev-parse", "HEAD");
  assert.equal((await run(path, [])).stdout, `${commit} mysite\n`);
});

test("command: arguments reach the program as they are, no shell reads them", async (t) => {
  const hostile = "$(touch hacked); `touch hacked` & %PATH% | '\"";
  const { path, repository } = await deployOf(t, {
    "inplace.config.json": {
      build: { builder: "command", command: [NODE, "make.mjs", hostile], extension: ".txt" },
    },
    "make.mjs": `import { writeFileSync } from "node:fs"; writeFileSync(process.env.ARTIFACT, process.argv[2]);`,
  });
  assert.equal(await readFile(path, "utf8"), hostile);
  assert.equal(existsSync(join(repository.folder, "hacked")), false);
});

test("command: a failure ends with exit 3 and the last lines of its output", async (t) => {
  const shell = `for i in $(seq 50); do echo "line $i"; done; echo "what went wrong" >&2; exit 9`;
  const failed = await releasedSite(t, byCommand(t));
  const { code, error } = await failed({ builder: "command", shell });
  assert.deepEqual([code, error.code], [3, "BUILD_FAILED"]);
  assert.match(error.message, /exit code 9/);
  assert.match(error.message, /line 50/);
  assert.match(error.message, /what went wrong/);
  assert.doesNotMatch(error.message, /line 20\n/);
});

test("command: a program that does not exist ends with exit 3 and its name", async (t) => {
  const { code, error } = await failedDeploy(t, {
    builder: "command",
    command: ["no-such-compiler", "--release"],
  });
  assert.deepEqual([code, error.code], [3, "BUILD_FAILED"]);
  assert.match(error.message, /no-such-compiler/);
});

const STRAYS: readonly [what: string, shell: string, code: string, names: RegExp][] = [
  ["makes nothing", "true", "BUILD_EMPTY", /created nothing/],
  ["makes an empty file", ': > "$ARTIFACT"', "BUILD_EMPTY", /is empty/],
  ["makes an empty folder", 'mkdir "$ARTIFACT"', "BUILD_EMPTY", /is empty/],
  ["makes a link", 'ln -s /bin/sh "$ARTIFACT"', "BUILD_EMPTY", /links/],
  [
    "writes into _target",
    'echo x > "$SITE_FOLDER/_target/other.mjs"',
    "BUILD_OUTSIDE",
    /_target\/other\.mjs/,
  ],
  ["writes into the site root", 'echo x > "$SITE_FOLDER/stray"', "BUILD_OUTSIDE", /stray/],
  ["writes beside its artifact", 'echo x > "$ARTIFACT"; echo x > "$ARTIFACT.pdb"', "BUILD_OUTSIDE", /\.pdb/],
  [
    "moves the pointer",
    'echo x > "$ARTIFACT"; echo _target/x > "$SITE_FOLDER/_artifact.txt"',
    "BUILD_OUTSIDE",
    /_artifact\.txt/,
  ],
  [
    "writes its artifact and another into _target",
    'echo x > "$ARTIFACT"; cp "$ARTIFACT" "$SITE_FOLDER/_target/y.mjs"',
    "BUILD_OUTSIDE",
    /_target\/y\.mjs/,
  ],
];
test("command: a build that makes nothing, or writes elsewhere, ends with exit 3, and the site is unchanged", async (t) => {
  const failed = await releasedSite(t);
  for (const [what, shell, expected, names] of STRAYS) {
    const { code, error } = await failed({ builder: "command", shell });
    assert.deepEqual([code, error.code], [3, expected], `${what}: ${error.message}`);
    assert.match(error.message, names, what);
  }
});

test("command: a build over its time limit is killed with all its processes", async (t) => {
  const { repository, layout } = await sourceAndSite(t, {
    "inplace.config.json": {
      build: { builder: "command", shell: "sleep 300 & sleep 300", timeLimitMs: 500 },
    },
  });
  // startProgram fails the test for every process that is left.
  const { code, stdout } = await inplace(t, ["deploy", "--json", "--site-root", layout.root], {
    cwd: repository.folder,
  });
  assert.equal(code, 3);
  assert.equal(JSON.parse(stdout).error.code, "BUILD_TIMED_OUT");
  await assertStagingEmpty(layout);
});

test("Ctrl+C ends a build with all its processes, cleans up, and exits with 130", async (t) => {
  const { repository, layout } = await sourceAndSite(t, {
    "inplace.config.json": {
      build: { builder: "command", shell: 'echo x > "$ARTIFACT"; echo begun; sleep 300' },
    },
  });
  const deploy = startInplace(t, ["deploy", "--site-root", layout.root], { cwd: repository.folder });
  await until("the build has begun", () => deploy.stdout.includes("begun"));
  const { code, stderr } = await deploy.interrupt();
  assert.equal(code, 130);
  assert.match(stderr, /INTERRUPTED/);
  await assertStagingEmpty(layout);
  assert.equal(existsSync(layout.pointer), false);
  assert.equal(existsSync(layout.lock), false);
});

test("Ctrl+C during the build of another commit leaves no working tree behind", async (t) => {
  const { repository, layout } = await sourceAndSite(t, {
    "inplace.config.json": { build: { builder: "command", shell: "echo begun; sleep 300" } },
  });
  const first = await repository.git("rev-parse", "HEAD");
  await repository.commit("two");
  const args = ["deploy", "--commit", first, "--site-root", layout.root];
  const deploy = startInplace(t, args, { cwd: repository.folder });
  await until("the build has begun", () => deploy.stdout.includes("begun"));
  assert.equal((await deploy.interrupt()).code, 130);
  assert.equal((await repository.git("worktree", "list")).split("\n").length, 1);
  await assertStagingEmpty(layout);
});
