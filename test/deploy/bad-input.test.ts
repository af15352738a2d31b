import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { ERROR_CODES, type ErrorCode } from "#src/errors.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { documentsOf } from "../cli/documents.ts";
import { deployHere } from "../rig/deploy-here.ts";
import type { Repository } from "../rig/project.ts";
import { runProgram } from "../rig/program.ts";
import { inplace, NEUTRAL, sourceAndSite, writeFiles } from "../rig/source.ts";
import { smallDisk, testWithDisk } from "../rig/small-disk.ts";
import { snapshot } from "../rig/snapshot.ts";
import { temporaryFolder, type Cleanup } from "../rig/temporary-site.ts";

const run = promisify(execFile);

/** A site with one release, and a repository that holds the next one. */
async function liveSite(t: Cleanup): Promise<{ repository: Repository; layout: SiteLayout }> {
  const { repository, layout } = await sourceAndSite(t);
  const { code, error } = await deployHere(repository.folder, layout.root);
  assert.equal(code, 0, error?.message);
  await repository.edit("server.mjs", "one", "two");
  await repository.commit("two");
  return { repository, layout };
}

/** For whatever leaves both as they are. */
const untouched = liveSite({ after });

interface Line {
  /** Default: deploy. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Attempt extends Line {
  readonly cwd: string;
}

/** A command that has to fail with the code, its exit code and one JSON document, and change no file of the site; gives its message and hint. */
async function refuses(
  t: TestContext,
  layout: SiteLayout,
  expected: ErrorCode,
  attempt: Attempt,
): Promise<string> {
  const before = await snapshot(layout.root);
  const args = [...(attempt.args ?? ["deploy"]), "--json", "--site-root", layout.root];
  const { code, stdout } = await inplace(t, args, attempt);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
  assert.equal(error.code, expected, error.message);
  assert.equal(code, ERROR_CODES[expected].exit);
  assert.notEqual(error.hint, "");
  assert.deepEqual(await snapshot(layout.root), before);
  return `${error.message}\n${error.hint}`;
}

/** Lines that have to fail with the code, its exit code and one JSON document, and change no file of the site; in one process. */
async function refusesEach(
  t: TestContext,
  layout: SiteLayout,
  cwd: string,
  lines: readonly (readonly [expected: ErrorCode, line: Line])[],
): Promise<void> {
  const before = await snapshot(layout.root);
  const answers = await documentsOf(
    t,
    cwd,
    lines.map(([, { args = ["deploy"], env = {} }]) => ({
      args: [...args, "--site-root", layout.root],
      env,
    })),
    NEUTRAL,
  );
  for (const [at, [expected, line]] of lines.entries()) {
    const { code, document } = answers[at] ?? assert.fail();
    const what = JSON.stringify(line);
    assert.equal(document.error?.code, expected, `${what}: ${document.error?.message}`);
    assert.equal(code, ERROR_CODES[expected].exit, what);
    assert.notEqual(document.error?.hint, "", what);
  }
  assert.deepEqual(await snapshot(layout.root), before);
}

test("a repository that git refuses to read is NOT_A_REPOSITORY", async (t) => {
  const { layout } = await untouched;
  const broken = await temporaryFolder(t);
  await writeFiles(broken, { ".git/HEAD": "garbage", "server.mjs": "1" });
  await refuses(t, layout, "NOT_A_REPOSITORY", { cwd: broken });
});

test("--commit outside of a repository is NOT_A_REPOSITORY", async (t) => {
  const { layout } = await untouched;
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { "server.mjs": "1" });
  await refuses(t, layout, "NOT_A_REPOSITORY", { cwd: folder, args: ["deploy", "--commit", "0123456789"] });
});

test("a commit that the repository does not have is COMMIT_UNKNOWN", async (t) => {
  const { repository, layout } = await untouched;
  await repository.git("branch", "abcdef0123"); // A name that looks like a commit is none.
  const lines = ["f".repeat(40), "abcdef0123"].flatMap((id): Line[] => [
    { env: { SCM_COMMIT_ID: id } },
    { args: ["deploy", "--commit", id] },
  ]);
  await refusesEach(
    t,
    layout,
    repository.folder,
    lines.map((line) => ["COMMIT_UNKNOWN", line]),
  );
});

test("an SCM_COMMIT_ID that is not hexadecimal is COMMIT_INVALID, and git never sees it", async (t) => {
  const { repository, layout } = await untouched;
  const ids = [
    "main",
    "--upload-pack=touch hacked",
    "a&calc|%PATH%",
    "HEAD~1",
    "abc",
    "../..",
    "$(touch hacked)",
  ];
  await refusesEach(
    t,
    layout,
    repository.folder,
    ids.map((id) => ["COMMIT_INVALID", { env: { SCM_COMMIT_ID: id } }]),
  );
  assert.equal((await readdir(repository.folder)).includes("hacked"), false);
});

test("site names that a path, a shell or Windows would take for something else are SITE_NAME_INVALID", async (t) => {
  const { repository, layout } = await untouched;
  const names = ["..", "a/b", "a\\b", "a&b", "%PATH%", "my site", "nul.txt", "-rf"];
  await refusesEach(
    t,
    layout,
    repository.folder,
    names.map((name) => ["SITE_NAME_INVALID", { env: { WEBSITE_SITE_NAME: name } }]),
  );
});

test("an unknown configuration key names the nearest known one", async (t) => {
  const { repository, layout } = await liveSite(t);
  await writeFiles(repository.folder, { "inplace.config.json": { biuld: { builder: "entry" } } });
  const said = await refuses(t, layout, "CONFIG_UNKNOWN_KEY", { cwd: repository.folder });
  assert.match(said, /there is no key "biuld"/);
  assert.match(said, /Did you mean "build"\?/);
});

test("a configuration that is no JSON is CONFIG_UNREADABLE, and a value out of range CONFIG_INVALID", async (t) => {
  const { repository, layout } = await liveSite(t);
  await writeFiles(repository.folder, { "inplace.config.json": "{ site: 'x' }" });
  await refuses(t, layout, "CONFIG_UNREADABLE", { cwd: repository.folder });
  await writeFiles(repository.folder, { "inplace.config.json": { keep: 0 } });
  assert.match(await refuses(t, layout, "CONFIG_INVALID", { cwd: repository.folder }), /keep must be >= 1/);
  await writeFiles(repository.folder, {
    "inplace.config.json": { build: { builder: "entry", entry: "../outside.ts" } },
  });
  await refuses(t, layout, "CONFIG_INVALID", { cwd: repository.folder });
  await writeFiles(repository.folder, { "inplace.config.json": { files: ["missing"] } });
  await refuses(t, layout, "CONFIG_INVALID", { cwd: repository.folder });
});

test("a site root or a source that is not there is said so", async (t) => {
  const { repository, layout } = await untouched;
  const missing = join(layout.root, "missing");
  const { code, stderr } = await inplace(t, ["deploy", "--site-root", missing], { cwd: repository.folder });
  assert.equal(code, 2);
  assert.match(stderr, /SITE_ROOT_MISSING/);
  await refuses(t, layout, "SOURCE_MISSING", { cwd: repository.folder, env: { DEPLOYMENT_SOURCE: missing } });
});

test("a pointer with traversal, and one through a link out of _target, are refused by status, and a deploy mends them", async (t) => {
  const { repository, layout } = await liveSite(t);
  await symlink("/etc/passwd", join(layout.target, "link.mjs"));
  for (const [pointer, code] of [
    ["../../etc/passwd", "POINTER_ESCAPES"],
    ["_target/../web.config", "POINTER_ESCAPES"],
    ["_target/link.mjs", "POINTER_ESCAPES"],
    ["", "POINTER_INVALID"],
    ["_target/a.mjs\n_target/b.mjs\n", "POINTER_INVALID"],
  ] as const) {
    await writeFile(layout.pointer, pointer);
    const before = await snapshot(layout.root);
    const [status] = await documentsOf(
      t,
      repository.folder,
      [["status", "--site-root", layout.root]],
      NEUTRAL,
    );
    assert.equal(status?.code, 4);
    const shown = status?.document["pointer"] as { readonly error: { readonly code: string } };
    assert.equal(shown.error.code, code);
    assert.deepEqual(await snapshot(layout.root), before);
    assert.equal((await deployHere(repository.folder, layout.root)).code, 0);
  }
});

test("rollback takes names of the target folder only", async (t) => {
  const { repository, layout } = await untouched;
  await refusesEach(t, layout, repository.folder, [
    ["ARTIFACT_NAME_INVALID", { args: ["rollback", "../web.config", "--yes"] }],
    ["ARTIFACT_MISSING", { args: ["rollback", "nothing-0123456789.mjs"] }],
    ["NOTHING_TO_ROLL_BACK", { args: ["rollback"] }],
  ]);
});

const FULL_DISK = "a full disk is DISK_FULL, the old release stays, and with space the same deploy succeeds";
testWithDisk(import.meta.url, FULL_DISK, async (t) => {
  const { repository } = await sourceAndSite(t);
  const root = await smallDisk(3_000_000);
  const layout = siteLayout(root);
  assert.equal((await deployHere(repository.folder, root)).code, 0);

  await writeFiles(repository.folder, {
    "inplace.config.json": { build: { builder: "directory", directory: "big" } },
    "big/index.js": "x".repeat(4_000_000),
  });
  await repository.commit("too big for the disk");
  await refuses(t, layout, "DISK_FULL", { cwd: repository.folder });

  await writeFiles(repository.folder, { "big/index.js": "console.log('fits')" });
  await repository.commit("fits");
  assert.equal((await deployHere(repository.folder, root)).code, 0);
});

test("a site that the account may not write is SITE_NOT_WRITABLE", async (t) => {
  const { repository, layout } = await liveSite(t);
  const before = await snapshot(layout.root);
  await chmod(layout.root, 0o555); // Temporary folders are their owner's alone; nobody may at least look.
  await chmod(join(layout.root, ".inplace"), 0o555);
  const args = ["deploy", "--json", "--site-root", layout.root];
  const failed = await asUnprivileged(t, repository.folder, args);
  await run("chmod", ["-R", "u+w", layout.root]);
  assert.equal(JSON.parse(failed.stdout).error.code, "SITE_NOT_WRITABLE");
  assert.equal(failed.code, 1);
  assert.deepEqual(await snapshot(layout.root), before);
});

/** Runs the command from a copy of the folder, as nobody where tests run as root: root may write everywhere. */
async function asUnprivileged(t: TestContext, folder: string, args: readonly string[]) {
  if (process.getuid?.() !== 0) return inplace(t, args, { cwd: folder });
  const NOBODY = 65_534;
  const home = await temporaryFolder(t);
  const cwd = join(home, "shop");
  await run("cp", ["-r", folder, cwd]);
  await run("chown", ["-R", String(NOBODY), home]);
  const main = new URL("../../dist/bundle/main.js", import.meta.url).href;
  const script = `
    process.setgroups([]); process.setgid(${NOBODY}); process.setuid(${NOBODY});
    const { main } = await import(${JSON.stringify(main)});
    process.exitCode = await main(${JSON.stringify(args)});
  `;
  return runProgram(t, process.execPath, ["--input-type=module", "-e", script], { cwd, env: { HOME: home } });
}

test("a deploy that is under way keeps a second one out: LOCK_HELD, exit 5", async (t) => {
  const { repository, layout } = await untouched;
  await mkdir(join(layout.root, ".inplace"), { recursive: true });
  const { acquireLock } = await import("#src/site/lock.js");
  const lock = await acquireLock(layout);
  try {
    const { code, stderr } = await inplace(t, ["deploy", "--site-root", layout.root], {
      cwd: repository.folder,
    });
    assert.equal(code, 5);
    assert.match(stderr, new RegExp(`pid ${process.pid}`));
  } finally {
    await lock.release();
  }
});

test("a verb, a flag or a number that does not exist is a USAGE error, exit 2, and said on stderr", async (t) => {
  const cwd = await temporaryFolder(t);
  const lines = [
    ["depoly"],
    ["deploy", "--comit", "x"],
    ["prune", "--keep", "none"],
    ["wait", "--timeout", "soon"],
    [],
  ];
  for (const { code, document } of await documentsOf(t, cwd, lines))
    assert.deepEqual([code, document.error?.code], [2, "USAGE"]);
  const { code, stdout, stderr } = await inplace(t, ["depoly"], { cwd });
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /^error USAGE: [^]*deploy/);
});
