import assert from "node:assert/strict";
import { open, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import { adoptArchive } from "#src/watch/archive/adopt-archive.js";
import { fingerprint } from "#src/watch/fingerprint.js";
import { watchFileCalls } from "../rig/file-calls.js";
import { drop, temporarySite } from "../rig/temporary-site.js";
import { OFTEN_MS, until } from "../rig/until.js";
import { tarGz, zip } from "./archives.js";
import { publish, RUNNING, watchedSite } from "./watched-site.js";

/** Takes minutes to read, and no room on a disk that has sparse files, which NTFS has on demand only. */
const HUGE_BYTES = 300 * 1024 ** 3;
/** Takes longer to read than is waited for. */
const LARGE_BYTES = 400 * 1024 ** 2;
const options = process.platform === "win32" ? { skip: "no sparse files" } : {};

test(
  "while a huge drop is read, which is told once with its size, a publish is taken",
  options,
  async (t) => {
    const site = await watchedSite(t, { stillMs: 50, pollMs: 50 });
    await dropHuge(site.layout, "huge.mjs");
    assert.equal((await site.event("drop-reading")).bytes, HUGE_BYTES);
    for (let look = 0; look < 3; look++) await site.watcher.check();
    assert.deepEqual(site.told(), []);
    await publish(site.layout, "app-2.mjs");
    await site.tells("app-2.mjs");
    for (let look = 0; look < 3; look++) await site.watcher.check();
    assert.equal(site.events.filter(({ type }) => type === "drop-reading").length, 1);
    await until("it is not read any more", async () => !(await isOpen(site.layout, "huge.mjs")));
  },
);

test("a newer drop is taken while a huge one is read", options, async (t) => {
  const site = await watchedSite(t, { stillMs: 50 });
  await dropHuge(site.layout, "huge.mjs");
  await site.event("drop-reading");
  await drop(site.layout, "newer.mjs");
  await site.tells("newer.mjs");
});

test(
  "a huge drop that the pointer was made to name keeps nothing newer from being taken",
  options,
  async (t) => {
    const site = await watchedSite(t, { stillMs: 50 });
    await dropHuge(site.layout, "huge.mjs");
    await writeFile(site.layout.pointer, "_target/huge.mjs\n");
    await site.event("drop-reading");
    await drop(site.layout, "newer.mjs");
    await site.tells("newer.mjs");
  },
);

test("a large drop that cannot be adopted, and is read again and again, is told once", options, async (t) => {
  const site = await watchedSite(t, { stillMs: 50, pollMs: 50 });
  const { layout, watcher, events } = site;
  await rm(layout.staging, { recursive: true });
  await writeFile(layout.staging, "in the way");
  await dropHuge(layout, "large.mjs", LARGE_BYTES);
  await site.event("drop-refused");
  if (process.platform === "linux") {
    await until("it is read again", () => isOpen(layout, "large.mjs"), undefined, OFTEN_MS);
    await until("it was read again", async () => !(await isOpen(layout, "large.mjs")));
  }
  for (let look = 0; look < 3; look++) await watcher.check();
  assert.equal(events.filter(({ type }) => type === "drop-refused").length, 1);
  assert.ok(events.filter(({ type }) => type === "drop-reading").length <= 1);
});

test("a huge drop that is removed while it is read is forgotten", options, async (t) => {
  const site = await watchedSite(t, { stillMs: 50, pollMs: 50 });
  const path = await dropHuge(site.layout, "huge.mjs");
  await site.event("drop-reading");
  await rm(path);
  await until("it is not read any more", async () => !(await isOpen(site.layout, "huge.mjs")));
  assert.deepEqual(
    site.events.filter(({ type }) => type === "drop-refused"),
    [],
  );
});

test("a watcher that is closed reads a huge drop no further", options, async (t) => {
  const site = await watchedSite(t, { stillMs: 50 });
  await dropHuge(site.layout, "huge.mjs");
  await site.event("drop-reading");
  await site.watcher.close();
  assert.equal(await isOpen(site.layout, "huge.mjs"), false);
});

for (const [ending, pack] of Object.entries({ zip, tgz: tarGz })) {
  test(`a .${ending} that is given up at any time is not refused, and stays to be taken later`, async (t) => {
    const content = pack([
      { name: "index.mjs", content: "export {};\n".repeat(100_000) },
      { name: "lib/words.mjs", content: "export {};\n" },
    ]);
    const ended = { adopted: 0, overtaken: 0, refused: 0 };
    for (let at = 1; ended.adopted < 2; at++) {
      const layout = await temporarySite(t);
      await publish(layout, RUNNING);
      const archive = `app-2.${ending}`;
      const path = await drop(layout, archive, content);
      const print = await fingerprint(path);
      const givenUp = new AbortController();
      const { signal } = givenUp;
      const stillWanted = (): Promise<boolean> => Promise.resolve(true);
      watchFileCalls({ before: (call) => (call === at ? givenUp.abort() : undefined) });
      const { result } = await adoptArchive(
        layout,
        { artifact: archive, path, print, stillWanted, signal },
        () => undefined,
      );
      watchFileCalls();
      ended[result] += 1;
      assert.deepEqual(await readdir(layout.staging), [], `given up before call ${at}`);
      const names = await readdir(layout.target);
      assert.equal(names.includes(archive), result === "overtaken", `given up before call ${at}`);
    }
    t.diagnostic(JSON.stringify(ended));
    assert.ok(ended.overtaken > 0 && ended.refused === 0);
  });
}

async function dropHuge(layout: SiteLayout, name: string, bytes = HUGE_BYTES): Promise<string> {
  const path = join(layout.target, name);
  const file = await open(path, "w");
  await file.truncate(bytes);
  await file.close();
  return path;
}

/** Whether this process has it open, as far as the system tells. */
async function isOpen(layout: SiteLayout, name: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const descriptors = (await readdir("/proc/self/fd")).map((descriptor) =>
    readlink(`/proc/self/fd/${descriptor}`).catch(() => ""),
  );
  return (await Promise.all(descriptors)).some((file) => file.startsWith(join(layout.target, name)));
}
