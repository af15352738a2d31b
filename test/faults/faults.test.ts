import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { cp, mkdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { basename, join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { appendHistory } from "#src/site/history.js";
import { readReleases } from "#src/site/releases.js";
import { siteLayout } from "#src/site/layout.js";
import { acquireLock } from "#src/site/lock.js";
import { watchReleases } from "#src/watch/watch.js";
import { prune } from "#src/deploy/prune.js";
import { startLoad } from "../rig/load.js";
import { inplace } from "../rig/source.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { app, launch, launchedSite, start } from "../runtime/launched-site.js";
import { publish } from "../watch/watched-site.js";
import { APP, ask, deployableSite, isRefused, serve, serves } from "./served-site.js";

/** Between two publishes of a storm, milliseconds. */
const STORM_STEP_MS = 100;
const VERSION = '"artifact":"([^"]+)"';

test("an app that is killed while it drains takes no request with it that may be sent again, nor a later one", async (t) => {
  const layout = await deployableSite(t);
  await publish(layout, "app-1.mjs", APP);
  const site = await serve(t, layout);
  const { pid } = await site.serves("app-1.mjs");
  const inside = site.ask("/slow/4000");
  await publish(layout, "app-2.mjs", APP);
  await site.serves("app-2.mjs");
  const later = Array.from({ length: 20 }, () => site.ask());
  process.kill(pid, "SIGKILL");
  for (const answer of await Promise.all(later)) assert.equal(answer.artifact, "app-2.mjs");
  assert.equal((await inside).artifact, "app-2.mjs");
});

test("a handler that is killed in the middle of a swap serves the new release when it is started again", async (t) => {
  const layout = await deployableSite(t);
  await publish(layout, "app-1.mjs", APP);
  const command = ["bin/inplace.js", "serve", "--port", "0", "--site-root", layout.root];
  const handler = start(t, process.execPath, command, { cwd: resolve(".") });
  const port = await until(
    "it listens",
    () => /127\.0\.0\.1:(\d+)/.exec(handler.stdout() + handler.stderr())?.[1],
  );
  const { port: own } = await serves(Number(port), "app-1.mjs");
  const inside = ask(Number(port), "/slow/1000").catch(() => undefined);
  await publish(layout, "app-2.mjs", APP);
  await until("the app drains", () => isRefused(own));
  handler.process.kill("SIGKILL");
  await handler.exited;
  await inside;
  const site = await serve(t, layout);
  assert.equal((await site.serves("app-2.mjs")).artifact, "app-2.mjs");
});

test("a storm of 100 publishes in 10 s makes a handful of swaps, the last wins, and no request is lost", async (t) => {
  const layout = await deployableSite(t);
  await publish(layout, "app-0.mjs", APP);
  const site = await serve(t, layout);
  await site.serves("app-0.mjs");
  const load = await startLoad({
    port: site.port,
    version: VERSION,
    streams: [
      { name: "fresh", perSecond: 40, connections: "fresh" },
      { name: "keep-alive", perSecond: 40, connections: 4 },
    ],
  });
  const startedAt = performance.now();
  for (let n = 1; n <= 100; n++) {
    await publish(layout, `app-${n}.mjs`, APP);
    await appendHistory(layout, { event: "published", artifact: `app-${n}.mjs` });
    await delay(Math.max(0, startedAt + n * STORM_STEP_MS - performance.now()));
  }
  const storm = Math.round(performance.now() - startedAt);
  await site.serves("app-100.mjs");
  const samples = await load.stop();
  const failed = samples.filter(({ failure }) => failure !== undefined);
  const swaps = site.count("backend-exited");
  t.diagnostic(
    `100 publishes in ${storm} ms, ${swaps} swaps, ${samples.length} requests, ${failed.length} failed`,
  );
  assert.deepEqual(failed.slice(0, 3), []);
  assert.ok(swaps <= 10, `${swaps} swaps`);
});

test("10,000 old artifacts delay neither the first look, nor status, nor a start, and are pruned quickly", async (t) => {
  const layout = await launchedSite(t);
  const old = Array.from({ length: 10_000 }, (_, n) => join(layout.target, `old-${n}.mjs`));
  for (const path of old) writeFileSync(path, "old");
  await publish(layout, "app-1.mjs", app());
  const looked = await processorTime(async () => {
    const watcher = watchReleases(layout, { mine: "app-1.mjs" }, () => undefined);
    await watcher.ready;
    await watcher.close();
  });
  const listed = await processorTime(() => readReleases(layout));
  const startedAt = performance.now();
  assert.equal((await inplace(t, ["status", "--site-root", layout.root], { cwd: layout.root })).code, 0);
  const status = Math.round(performance.now() - startedAt);
  const running = launch(t, layout);
  await running.port();
  const launched = Math.round(performance.now() - startedAt) - status;
  await appendHistory(
    layout,
    ...old.map((path) => ({ event: "published" as const, artifact: basename(path) })),
  );
  const { signal } = new AbortController();
  const keep = { layout, keep: 5, dryRun: false, waitMs: 0, signal, emit: () => undefined };
  const pruned = await processorTime(async () => assert.equal((await prune(keep)).removed.length, 9_995));
  t.diagnostic(
    `processor time: first look ${looked} ms, list ${listed} ms, prune ${pruned} ms; status ${status} ms, start ${launched} ms`,
  );
  // On a machine at rest each is about a second or less. What grows with the square of the number would take minutes.
  assert.ok(looked < 6_000 && listed < 1_000 && pruned < 6_000 && status < 15_000 && launched < 15_000);
});

test("garbage, an empty file and a folder in the pointer's place leave the running release; repaired, it is followed", async (t) => {
  const layout = await deployableSite(t);
  await publish(layout, "app-1.mjs", APP);
  const site = await serve(t, layout);
  const { pid } = await site.serves("app-1.mjs");
  for (const [what, spoil] of [
    ["garbage", () => writeFile(layout.pointer, Buffer.alloc(5_000, 0xff))],
    ["an empty file", () => writeFile(layout.pointer, "")],
    ["a path out", () => writeFile(layout.pointer, "../../../../bin/sh\n")],
    ["nothing", () => rm(layout.pointer)],
    ["a folder", () => rm(layout.pointer, { force: true }).then(() => mkdir(layout.pointer))],
  ] as const) {
    await spoil();
    assert.equal((await site.ask()).pid, pid, what);
  }
  await rm(layout.pointer, { recursive: true });
  await publish(layout, "app-2.mjs", APP);
  await site.serves("app-2.mjs");
});

for (const [what, name] of [
  ["blanks", "my web site (old) & co"],
  ["unicode", "сайт-网站-é-🚀"],
  ["200 characters", "x".repeat(200)],
  ["quotes and shell marks", "a'b $(touch x) `id` %PATH% !y!"],
] as const) {
  test(`a site in a folder whose name has ${what} is served, and swapped`, async (t) => {
    const made = await deployableSite(t);
    const root = join(await temporaryFolder(t), name);
    await cp(made.root, root, { recursive: true });
    const layout = siteLayout(root);
    await publish(layout, "app-1.mjs", APP);
    const site = await serve(t, layout);
    await site.serves("app-1.mjs");
    await publish(layout, "app-2.mjs", APP);
    await site.serves("app-2.mjs");
  });
}

test("where no folder can be watched, the app polls and takes the release all the same", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  // A user namespace has limits of its own, so the machine's stay as they are.
  const script = 'echo 0 > /proc/sys/user/max_inotify_instances; exec sh "$0"';
  const args = ["--user", "--map-root-user", "sh", "-c", script, join(layout.root, "launch.sh")];
  const running = start(t, "unshare", args);
  await running.port();
  await publish(layout, "app-2.mjs", app());
  assert.equal(await running.exited, 0);
  assert.match(running.stderr(), /watching failed, and goes on by polling/);
});

test("an app that is out of file descriptors takes the release when it has some again", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const running = start(t, "sh", ["-c", 'ulimit -n 48; exec sh "$0"', join(layout.root, "launch.sh")]);
  const port = await running.port();
  const sockets: Socket[] = [];
  for (let n = 0; n < 60; n++) sockets.push(connect(port, "127.0.0.1").on("error", () => undefined));
  await Promise.all(sockets.map((socket) => Promise.race([once(socket, "connect"), once(socket, "close")])));
  await publish(layout, "app-2.mjs", app());
  for (const socket of sockets) socket.destroy();
  assert.equal(await running.exited, 0);
});

test("a clock that jumps back a day hides no release", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const running = launch(t, layout);
  await running.port();
  await publish(layout, "app-2.mjs", app());
  const yesterday = new Date(Date.now() - 24 * 3_600_000);
  await utimes(layout.pointer, yesterday, yesterday);
  assert.equal(await running.exited, 0);
  const next = launch(t, layout);
  await next.port();
  // The same time again, to the nanosecond: only the content tells.
  const { mtime } = await stat(layout.pointer);
  const aside = join(layout.root, ".aside");
  await writeFile(aside, "_target/app-1.mjs\n");
  await utimes(aside, mtime, mtime);
  await rename(aside, layout.pointer);
  assert.equal(await next.exited, 0);
});

test("deploys that are killed one after the other leave a lock that the next one inherits", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  for (let n = 0; n < 3; n++) {
    const args = ["--input-type=module", "-e", HOLD_LOCK, layout.root];
    const holder = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    await once(holder.stdout, "data");
    holder.kill("SIGKILL");
    await once(holder, "exit");
  }
  await (await acquireLock(layout)).release();
});

const HOLD_LOCK = `
  import { acquireLock } from "${new URL("../../dist/site/lock.js", import.meta.url).href}";
  import { siteLayout } from "${new URL("../../dist/site/layout.js", import.meta.url).href}";
  await acquireLock(siteLayout(process.argv[1]));
  console.log("held");
  setInterval(() => {}, 1000);
`;

/** Milliseconds; other programs of the machine make no difference to it. */
async function processorTime(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return Math.round((user + system) / 1_000);
}
