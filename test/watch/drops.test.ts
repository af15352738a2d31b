import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { markFailed, isMarkedFailed } from "#src/site/health-marks.js";
import type { WatchEvent } from "#src/events.js";
import { readHistory } from "#src/site/history.js";
import { readManifest } from "#src/site/manifest.js";
import { writePointer } from "#src/site/pointer.js";
import { identity } from "#src/watch/identity.js";
import { watchReleases } from "#src/watch/watch.js";
import { clockPasses, drop, temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { publish, RUNNING, watchedSite } from "./watched-site.js";

const STILL_MS = 500;
const MEGABYTE = 1024 * 1024;

test("a dropped file is adopted: pointer, manifest and history say so, and it is told once", async (t) => {
  const site = await watchedSite(t);
  await drop(site.layout, "hello world.mjs", "export {};\n");
  await site.tells("hello world.mjs");
  assert.match(await readFile(site.layout.pointer, "utf8"), /hello world\.mjs/);
  const manifest = await readManifest(site.layout, "hello world.mjs");
  assert.equal(manifest?.origin, "drop");
  assert.equal(manifest?.size, 11);
  const { records } = await readHistory(site.layout);
  assert.deepEqual(
    records.map(({ event, artifact }) => [event, artifact]),
    [["adopted", "hello world.mjs"]],
  );
  await site.watcher.check();
  assert.deepEqual(site.told(), ["hello world.mjs"]);
});

test("a copy of 300 MB that grows slowly is taken when it is whole, not before", async (t) => {
  const site = await watchedSite(t);
  const growing = await open(join(site.layout.target, "big.mjs"), "w");
  const piece = Buffer.alloc(10 * MEGABYTE, " ");
  for (let i = 0; i < 30; i++) {
    await growing.write(piece);
    await site.watcher.check();
    assert.deepEqual(site.told(), []);
  }
  await growing.close();
  await site.tells("big.mjs");
  assert.equal((await readManifest(site.layout, "big.mjs"))?.size, 300 * MEGABYTE);
});

test("a file that another program keeps open for writing is waited for, however still it is", async (t) => {
  const site = await watchedSite(t);
  const path = join(site.layout.target, "upload.mjs");
  const writer = spawn(process.execPath, ["-e", WRITER, path], { stdio: ["pipe", "inherit", "inherit"] });
  t.after(() => writer.kill());
  await until("the writer's refusal to end", () =>
    site.events.some((event) => event.type === "drop-waiting" && event.reason === "open-for-writing"),
  );
  assert.deepEqual(site.told(), []);
  writer.stdin.end();
  await once(writer, "exit");
  await site.tells("upload.mjs");
  assert.equal(await readFile(path, "utf8"), "first piece\nsecond piece\n");
  assert.equal((await readManifest(site.layout, "upload.mjs"))?.size, 25);
});

const WRITER = `
  const fs = require("fs");
  const file = fs.openSync(process.argv[1], "w");
  fs.writeSync(file, "first piece\\n");
  process.stdin.resume().on("end", () => fs.writeSync(file, "second piece\\n"));
`;

test("that a drop is long in coming is told once, of what can be a program, and of none that is there at once", async (t) => {
  const site = await watchedSite(t, { stillMs: 50 });
  const waiting = (): string[] =>
    site.events.flatMap((event) => (event.type === "drop-waiting" ? [event.artifact] : []));
  /** Writes piece by piece, with pauses in which nothing changes, for longer than a drop has to be still. */
  const growing = async (name: string, begin: string): Promise<void> => {
    const file = await open(join(site.layout.target, name), "w");
    await file.write(begin);
    const begunAt = performance.now();
    let pieces = 0;
    await until(`${name} to have grown`, async () => {
      await site.watcher.check();
      if ((pieces += 1) % 8 === 0) await file.write("\n");
      return performance.now() - begunAt > 400;
    });
    await file.close();
  };
  await drop(site.layout, "quick.mjs");
  await site.tells("quick.mjs");
  await growing("notes.txt", "read me");
  assert.equal((await site.event("drop-refused")).name, "notes.txt");
  await growing("slow.mjs", "export {};");
  await site.tells("slow.mjs");
  assert.deepEqual(waiting(), ["slow.mjs"]);
});

test("a file that is moved into the folder is taken", async (t) => {
  const site = await watchedSite(t);
  const elsewhere = join(await temporaryFolder(t), "moved.mjs");
  await writeFile(elsewhere, "export {};\n");
  await rename(elsewhere, join(site.layout.target, "moved.mjs"));
  await site.tells("moved.mjs");
});

test("a temporary name is never taken, what it is renamed to is", async (t) => {
  const site = await watchedSite(t);
  for (const name of [".hidden.mjs", "new.mjs.part", "new.mjs.crdownload", "~$new.mjs", "new.tmp"]) {
    await drop(site.layout, name);
  }
  await site.watcher.check();
  await rename(join(site.layout.target, "new.mjs.part"), join(site.layout.target, "new.mjs"));
  await site.tells("new.mjs");
  assert.deepEqual(site.told(), ["new.mjs"]);
});

test("of two drops at once the newest wins, and the older one is left alone", async (t) => {
  const site = await watchedSite(t);
  // Kept open, so that it is not taken before the newer one is seen.
  const path = join(site.layout.target, "older.mjs");
  const older = await open(path, "w");
  await older.write("// older\n");
  await clockPasses(site.layout, path);
  const newer = await open(join(site.layout.target, "newer.mjs"), "w");
  await newer.write("// begun");
  await until("the newer one to be seen", () =>
    site.events.some((event) => event.type === "drop-waiting" && event.artifact === "newer.mjs"),
  );
  await older.close();
  await newer.write("// ended\n");
  await newer.close();
  await site.tells("newer.mjs");
  await site.watcher.check();
  assert.deepEqual(site.told(), ["newer.mjs"]);
});

test("a dropped folder is taken when its last file is whole", async (t) => {
  const site = await watchedSite(t);
  const folder = join(site.layout.target, "blog-2");
  await mkdir(join(folder, "pages"), { recursive: true });
  await writeFile(join(folder, "index.mjs"), "export {};\n");
  await site.watcher.check();
  const last = await open(join(folder, "pages", "index.html"), "w");
  await last.write("<p>");
  await site.watcher.check();
  await last.write("</p>");
  await last.close();
  await site.tells("blog-2");
  assert.deepEqual(
    (await readManifest(site.layout, "blog-2"))?.files.map(({ path }) => path),
    ["index.mjs", "pages/index.html"],
  );
});

test("a file that is deleted while it is being checked is forgotten", async (t) => {
  const site = await watchedSite(t);
  // Kept open, so that it is not taken before it is deleted.
  const path = join(site.layout.target, "gone.mjs");
  const written = await open(path, "w");
  await written.write("// gone\n");
  assert.equal((await site.event("drop-waiting")).artifact, "gone.mjs");
  await rm(path);
  await written.close();
  await drop(site.layout, "there.mjs");
  await site.tells("there.mjs");
  assert.deepEqual(site.told(), ["there.mjs"]);
});

test("the target folder may be removed and made again", async (t) => {
  const site = await watchedSite(t, { pollMs: 100 });
  await rename(site.layout.target, `${site.layout.target}.away`);
  for (let look = 0; look < 3; look++) await site.watcher.check();
  const refusals = site.events.filter(({ type }) => type === "pointer-refused");
  assert.deepEqual(refusals.length, 1, "that it is gone is said once");
  assert.equal((await site.event("pointer-refused")).code, "ARTIFACT_MISSING");
  await mkdir(site.layout.target);
  await drop(site.layout, "again.mjs");
  await site.tells("again.mjs");
});

test("a file moved over the running artifact is told as its replacement; touching it is not", async (t) => {
  const site = await watchedSite(t, { stillMs: 50 });
  const elsewhere = join(await temporaryFolder(t), "new");
  const running = join(site.layout.target, RUNNING);
  const content = await readFile(running, "utf8");
  await writeFile(elsewhere, content);
  await rename(elsewhere, running);
  await until("the equal file to be seen, which is touched again and again", async () => {
    await utimes(running, new Date(), new Date());
    await site.watcher.check();
    return site.events.some((event) => event.type === "drop-waiting");
  });
  // Same size, so that only the content tells them apart.
  await writeFile(elsewhere, content.replace("//", "/*").replace("\n", "/"));
  await rename(elsewhere, running);
  assert.equal((await site.event("release-found")).cause, "replaced");
  assert.deepEqual(site.told(), [RUNNING]);
});

test("a file moved over the artifact after its process started, before it is watched, is told", async (t) => {
  const layout = await temporarySite(t);
  await publish(layout, RUNNING);
  const running = join(layout.target, RUNNING);
  const options = { mine: RUNNING, identity: await identity(running), stillMs: 0 };
  await clockPasses(layout, layout.pointer);
  const elsewhere = join(await temporaryFolder(t), "new");
  await writeFile(elsewhere, "// another\n");
  await rename(elsewhere, running);
  const events: WatchEvent[] = [];
  const watcher = watchReleases(layout, options, (event) => events.push(event));
  t.after(() => watcher.close());
  const told = await until("it is told", () => events.find(({ type }) => type === "release-found"));
  assert.equal(told.type === "release-found" && told.cause, "replaced");
});

test("artifacts without manifest that lay there before the last publish are left alone", async (t) => {
  const site = await watchedSite(t, { stillMs: 0 }, async (layout) => {
    await clockPasses(layout, await drop(layout, "ancient.mjs"));
    await writePointer(layout, RUNNING);
  });
  await site.watcher.check();
  await site.watcher.check();
  assert.deepEqual(site.told(), []);
});

test("a dropped artifact that failed is not adopted again until it is dropped anew", async (t) => {
  const site = await watchedSite(t, { stillMs: 0 }, async (layout) => {
    await drop(layout, "bad.mjs");
    await markFailed(layout, "bad.mjs", "exit code 1");
  });
  await site.watcher.check();
  assert.deepEqual(site.told(), []);
  await drop(site.layout, "bad.mjs", "// mended\n");
  await site.tells("bad.mjs");
  assert.equal(await isMarkedFailed(site.layout, "bad.mjs"), false);
});

test("without a pointer the first drop makes one", async (t) => {
  const site = await watchedSite(t, { mine: undefined }, (layout) => rm(layout.pointer));
  await drop(site.layout, "first.mjs");
  await site.tells("first.mjs");
  assert.match(await readFile(site.layout.pointer, "utf8"), /first\.mjs/);
});

test("a publish while a drop is still growing wins until the drop is whole, which is newer then", async (t) => {
  const site = await watchedSite(t);
  const growing = await open(join(site.layout.target, "drop.mjs"), "w");
  await growing.write("// begun");
  await site.event("drop-waiting");
  await publish(site.layout, "app-2.mjs");
  await site.tells("app-2.mjs");
  await growing.write("// ended\n");
  await growing.close();
  await site.tells("drop.mjs");
  assert.deepEqual(site.told(), ["app-2.mjs", "drop.mjs"]);
});

test("several processes that watch one site adopt a drop together, and the history says it once", async (t) => {
  const site = await watchedSite(t);
  const told: string[] = [];
  const others = Array.from({ length: 4 }, () =>
    watchReleases(site.layout, { mine: RUNNING, stillMs: STILL_MS }, (event) => {
      if (event.type === "release-found") told.push(event.artifact);
    }),
  );
  t.after(() => Promise.all(others.map((other) => other.close())));
  await Promise.all(others.map((other) => other.ready));
  await drop(site.layout, "shared.mjs");
  await site.tells("shared.mjs");
  await until("all to tell", () => told.length === 4);
  const { records } = await readHistory(site.layout);
  assert.equal(records.filter(({ event }) => event === "adopted").length, 1);
});
