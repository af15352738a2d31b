import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFileSync, rmSync, statSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { InplaceError, systemCode } from "#src/errors.js";
import { readHistory } from "#src/site/history.js";
import { joinInstances } from "#src/site/instances.js";
import { thisProcess } from "#src/site/owned-file.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { matchesManifest, readManifest } from "#src/site/manifest.js";
import { readPointer } from "#src/site/pointer.js";
import { deployFolder } from "../rig/deploy-folder.js";
import { watchFileCalls } from "../rig/file-calls.js";
import { smallDisk, testWithDisk } from "../rig/small-disk.js";
import { runProgram } from "../rig/program.js";
import { writeFiles, type Files } from "../rig/source.js";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { APP, serve } from "./served-site.js";

const DIE_AT = fileURLToPath(new URL("../rig/die-at.js", import.meta.url));
const DEPLOY_PROGRAM = fileURLToPath(new URL("../rig/deploy-program.js", import.meta.url));
const DISK_BYTES = 4_000_000;
/** What a disk gives away at a time, bytes. */
const PAGE = 4096;

const NAME =
  "a disk that fills up before any write of a deploy leaves the old release or the new one, whole and serving";
testWithDisk(import.meta.url, NAME, async (t) => {
  const layout = siteLayout(await smallDisk(DISK_BYTES));
  const ballast = join(layout.root, ".inplace", "ballast");
  const deployNext = await deploysInto(t, layout);
  let { artifact: current } = await deployNext();
  const site = await serve(t, layout);
  await site.serves(current);

  const ended = { refused: 0, leftUndone: 0, whole: 0 };
  let calls = Number.MAX_SAFE_INTEGER;
  for (let at = 1; at <= calls; at += 1) {
    const fillsUp = (call: number): void => (call === at ? fill(layout, ballast) : undefined);
    try {
      const { artifact, leftUndone, fileCalls } = await deployNext(fillsUp);
      current = artifact;
      ended[leftUndone ? "leftUndone" : "whole"] += 1;
      calls = fileCalls;
    } catch (error) {
      const full = error instanceof InplaceError && error.code === "DISK_FULL";
      assert.ok(full, `full before call ${at}: ${String(error)}`);
      ended.refused += 1;
    }
    watchFileCalls();
    assert.equal(await wholeRelease(layout), current, `full before call ${at}`);
    assert.ok((await site.ask()).pid > 0);
    rmSync(ballast, { force: true });
  }
  t.diagnostic(`${calls} calls; deploys ${JSON.stringify(ended)}`);
  assert.ok(ended.refused > 0 && ended.leftUndone > 0 && ended.whole > 0, JSON.stringify(ended));
  const last = await deployNext();
  assert.equal(last.leftUndone, false);
  await site.serves(last.artifact);
  const published = (await readHistory(layout)).records.filter(({ event }) => event === "published");
  assert.equal(published.at(-1)?.artifact, last.artifact);
});

interface NextDeploy {
  readonly artifact: string;
  readonly leftUndone: boolean;
  /** How many calls that change files it made, about. */
  readonly fileCalls: number;
}

const READ_ONLY = "a disk that became read-only serves on, also from a new process, and refuses a deploy";
testWithDisk(import.meta.url, READ_ONLY, async (t) => {
  const layout = siteLayout(await smallDisk(DISK_BYTES));
  const deployNext = await deploysInto(t, layout);
  const { artifact } = await deployNext();
  const site = await serve(t, layout);
  const first = await site.serves(artifact);
  await until("nothing writes to the disk", () => remount(layout, "ro"));
  await assert.rejects(deployNext(), { code: "SITE_NOT_WRITABLE" });
  process.kill(first.pid, "SIGTERM");
  await until("it has ended", () => site.exitCodes().length === 1);
  const second = await site.serves(artifact);
  process.kill(second.pid, "SIGKILL");
  await until("it has ended", () => site.exitCodes().length === 2);
  await site.serves(artifact);
  await remount(layout, "rw");
  await site.serves((await deployNext()).artifact);
  // The one before serves until the new one does.
  await until("the one before has ended", () => site.exitCodes().length === 3);
  assert.deepEqual(site.exitCodes(), [0, 137, 0]);
});

testWithDisk(import.meta.url, "an instance whose disk became read-only leaves in peace", async () => {
  const layout = siteLayout(await smallDisk(DISK_BYTES));
  const instance = await joinInstances(layout, thisProcess());
  assert.ok(await remount(layout, "ro"));
  instance.leave();
});

async function remount({ root }: SiteLayout, how: "ro" | "rw"): Promise<boolean> {
  const args = ["-o", `remount,${how}`, root];
  return await promisify(execFile)("mount", args).then(
    () => true,
    () => false,
  );
}

test("a deploy that runs out of file descriptors publishes a whole release or none, and the next one succeeds", async (t) => {
  const layout = await temporarySite(t);
  const deployNext = await deploysInto(t, layout);
  let { artifact: current } = await deployNext();
  const codes: (number | null)[] = [];
  for (const at of [12, 30]) {
    const source = await appFolder(t, { "public/page.html": "1", "app/index.mjs": `// ${at}` });
    const commit = String(at).padEnd(40, "0");
    const env = {
      INPLACE_TEST_SOURCE: source,
      INPLACE_TEST_SITE: layout.root,
      INPLACE_TEST_DIE_AT: String(at),
      INPLACE_TEST_DIE: "descriptors",
      WEBSITE_SITE_NAME: "shop",
      SCM_COMMIT_ID: commit,
    };
    const line = 'ulimit -n 100; exec "$0" --import "$1" "$2"';
    const args = ["-c", line, process.execPath, DIE_AT, DEPLOY_PROGRAM];
    const { code, stderr } = await runProgram(t, "sh", args, { cwd: source, env });
    codes.push(code);
    if (code === 0) current = `shop-${commit.slice(0, 10)}`;
    assert.equal(await wholeRelease(layout), current, `before call ${at}: ${stderr}`);
    if (code !== 0) assert.match(stderr, /EMFILE/);
  }
  t.diagnostic(`exit codes ${codes.join(", ")}`);
  assert.ok(codes.includes(1), codes.join(", "));
  assert.equal((await deployNext()).leftUndone, false);
});

/** Each call deploys another release of a little app. */
async function deploysInto(t: TestContext, layout: SiteLayout) {
  const source = await appFolder(t, {});
  let release = 0;
  return async (beforeCall = (_call: number): void => undefined): Promise<NextDeploy> => {
    release += 1;
    await writeFiles(source, { "public/page.html": `${release}`, "app/index.mjs": `${APP}// ${release}\n` });
    const commit = release.toString(16).padStart(10, "0").padEnd(40, "0");
    let leftUndone = false;
    const counted = watchFileCalls({ before: beforeCall });
    const env = { WEBSITE_SITE_NAME: "shop", SCM_COMMIT_ID: commit };
    const { artifact } = await deployFolder(source, layout.root, env, {
      emit: ({ type }) => void (leftUndone ||= type === "left-undone"),
    });
    return { artifact, leftUndone, fileCalls: counted() };
  };
}

async function appFolder(t: TestContext, files: Files): Promise<string> {
  const source = await temporaryFolder(t);
  const build = { builder: "directory", directory: "app" };
  await writeFiles(source, {
    // Each of its processes is the handler's own, whose ends these tests count.
    "inplace.config.json": { files: ["public"], build, rollout: "recycle" },
    ...files,
  });
  return source;
}

/** Not even the last page of the history has room then. */
function fill({ root, history }: SiteLayout, ballast: string): void {
  const size = statSync(history, { throwIfNoEntry: false })?.size ?? 0;
  const { bavail, bsize } = statfsSync(root);
  if (size > 0 && size % PAGE > 0) appendFileSync(history, "\n".repeat(PAGE - (size % PAGE)));
  try {
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
  } catch (error) {
    assert.equal(systemCode(error), "ENOSPC"); // The app took the last page for itself.
  }
}

/** Name of the current release, which has to be whole. */
async function wholeRelease(layout: SiteLayout): Promise<string> {
  const pointer = await readPointer(layout);
  assert.ok(pointer.state === "names", pointer.state);
  const manifest = await readManifest(layout, pointer.artifact);
  assert.ok(manifest !== undefined && (await matchesManifest(pointer.path, manifest)), pointer.artifact);
  return pointer.artifact;
}
