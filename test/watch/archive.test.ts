import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, open, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { readHistory } from "#src/site/history.js";
import { readManifest } from "#src/site/manifest.js";
import { readPointer } from "#src/site/pointer.js";
import { unpack } from "#src/watch/archive/unpack.js";
import { watchReleases } from "#src/watch/watch.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { tarGz, zip, type Entry } from "./archives.js";
import { RUNNING, watchedSite } from "./watched-site.js";

const run = promisify(execFile);
const PACKERS = { zip, "tar.gz": tarGz, tgz: tarGz, nupkg: zip } as const;
const SITE: readonly Entry[] = [
  { name: "lib/" },
  { name: "lib/words.mjs", content: "export const hello = 'hello';\n" },
  { name: "index.mjs", content: "import './lib/words.mjs';\n" },
  { name: "run.sh", content: "#!/bin/sh\n", mode: 0o100755 },
  { name: "öffnen/grüß gott.txt", content: "ä".repeat(100_000) },
];

for (const [ending, pack] of Object.entries(PACKERS)) {
  test(`a dropped .${ending} becomes a folder, is adopted and told as one, and is gone`, async (t) => {
    const site = await watchedSite(t);
    await writeFile(join(site.layout.target, `app-2.1.${ending}`), pack(SITE));
    await site.tells("app-2.1");
    const folder = join(site.layout.target, "app-2.1");
    assert.equal(await readFile(join(folder, "lib", "words.mjs"), "utf8"), "export const hello = 'hello';\n");
    assert.equal((await readFile(join(folder, "öffnen", "grüß gott.txt"))).length, 200_000);
    assert.equal((await readManifest(site.layout, "app-2.1"))?.kind, "folder");
    const { records } = await readHistory(site.layout);
    assert.deepEqual(
      records.map(({ event, artifact }) => `${event} ${artifact}`),
      ["adopted app-2.1"],
    );
    assert.deepEqual((await readdir(site.layout.target)).sort(), [RUNNING, "app-2.1"]);
    assert.deepEqual(await readdir(site.layout.staging), []);
    if (process.platform !== "win32") assert.equal((await stat(join(folder, "run.sh"))).mode & 0o111, 0o111);
    await site.watcher.check();
    assert.deepEqual(site.told(), ["app-2.1"]);
  });
}

test("an archive of one folder is that folder", async (t) => {
  const site = await watchedSite(t);
  const entries = SITE.map((entry) => ({ ...entry, name: `package/${entry.name}` }));
  await writeFile(join(site.layout.target, "app-2.tgz"), tarGz(entries));
  await site.tells("app-2");
  await access(join(site.layout.target, "app-2", "index.mjs"));
});

test("the same archive again goes to the same folder, another of its name to one beside it", async (t) => {
  const site = await watchedSite(t);
  const archive = join(site.layout.target, "app.zip");
  await writeFile(archive, zip(SITE));
  await site.tells("app");
  await writeFile(archive, zip(SITE));
  await until("the archive is gone", async () => !(await exists(archive)));
  assert.deepEqual(await folders(site.layout.target), ["app"]);
  await writeFile(archive, zip([...SITE, { name: "new.txt", content: "new" }]));
  await site.tells("app.2");
  assert.deepEqual(await folders(site.layout.target), ["app", "app.2"]);
});

test("an archive that the pointer was made to name is unpacked, and its folder told", async (t) => {
  const site = await watchedSite(t);
  await writeFile(join(site.layout.target, "app-2.zip"), zip(SITE));
  await writeFile(site.layout.pointer, "_target/app-2.zip\n");
  await site.tells("app-2");
  assert.deepEqual(site.told(), ["app-2"]);
});

test("five instances that see one archive make one folder of it and one line of history", async (t) => {
  const site = await watchedSite(t);
  const told: string[] = [];
  for (let instance = 2; instance <= 5; instance++) {
    const watcher = watchReleases(site.layout, { mine: RUNNING }, (event) => {
      if (event.type === "release-found") told.push(event.artifact);
    });
    t.after(() => watcher.close());
    await watcher.ready;
  }
  await writeFile(join(site.layout.target, "app.zip"), zip(SITE));
  await site.tells("app");
  await until("the others are told", () => told.length === 4);
  assert.deepEqual([...told, ...site.told()], Array(5).fill("app"));
  assert.deepEqual(await folders(site.layout.target), ["app"]);
  assert.equal((await readHistory(site.layout)).records.length, 1);
});

test("a harmful archive is refused with the reason, and the current release stays", async (t) => {
  const site = await watchedSite(t);
  await writeFile(
    join(site.layout.target, "app-2.zip"),
    zip([{ name: "../../escaped.mjs", content: "bad" }]),
  );
  const { reason } = await site.event("drop-refused");
  assert.match(reason, /leads out of the archive/);
  const pointer = await readPointer(site.layout);
  assert.ok(pointer.state === "names" && pointer.artifact === RUNNING);
  assert.deepEqual(await readdir(site.layout.staging), []);
});

interface Hostile {
  readonly what: string;
  readonly entries: readonly Entry[];
  readonly why: RegExp;
}

const HOSTILE: readonly Hostile[] = [
  { what: "a path upwards", entries: [{ name: "a/../../b" }], why: /leads out/ },
  { what: "an absolute path", entries: [{ name: "/etc/cron.d/x" }], why: /leads out/ },
  { what: "a path with a drive", entries: [{ name: "C:/windows/x" }], why: /character/ },
  { what: "an alternate data stream", entries: [{ name: "index.js:evil" }], why: /character/ },
  { what: "a control character", entries: [{ name: "a\u0007b" }], why: /character/ },
  { what: "a device", entries: [{ name: "lib/NUL.txt" }], why: /device/ },
  { what: "a device with a blank", entries: [{ name: "com1 .log" }], why: /device/ },
  { what: "a trailing dot", entries: [{ name: "index.js." }], why: /dot or a blank/ },
  { what: "a trailing blank in a folder", entries: [{ name: "lib /x" }], why: /dot or a blank/ },
  { what: "the same file twice", entries: [{ name: "a" }, { name: "a" }], why: /twice/ },
  { what: "two letter cases", entries: [{ name: "App.js" }, { name: "app.js" }], why: /letter|case/ },
  { what: "two compositions", entries: [{ name: "\u00e9" }, { name: "e\u0301" }], why: /case/ },
  { what: "folders in two cases", entries: [{ name: "Lib/a" }, { name: "lib/b" }], why: /case/ },
  { what: "a file under a file", entries: [{ name: "a" }, { name: "a/b" }], why: /inside a file/ },
  { what: "a file over a folder", entries: [{ name: "a/b" }, { name: "a" }], why: /twice/ },
  { what: "a path too deep", entries: [{ name: "a/".repeat(45) + "b" }], why: /deep/ },
];

describe("an archive is refused, and nothing is written outside its folder, when it holds", () => {
  for (const { what, entries, why } of HOSTILE) {
    it(`${what} (zip)`, (t) => refused(t, "x.zip", zip(entries), "ARCHIVE_UNSAFE", why));
    it(`${what} (tar)`, (t) => refused(t, "x.tgz", tarGz(entries), "ARCHIVE_UNSAFE", why));
  }
  const link = /link or a device/;
  it("a file in place of its own folder (tar)", (t) =>
    refused(t, "x.tgz", tarGz([{ name: "." }]), "ARCHIVE_UNSAFE", /own folder/));
  it("a link (zip)", (t) =>
    refused(
      t,
      "x.zip",
      zip([{ name: "l", content: "/etc/passwd", mode: 0o120777 }]),
      "ARCHIVE_UNSAFE",
      link,
    ));
  for (const [type, what] of Object.entries({ 1: "a hard link", 2: "a link", 3: "a device", 6: "a pipe" })) {
    it(`${what} (tar)`, (t) =>
      refused(
        t,
        "x.tgz",
        tarGz([{ name: "l", type, link: what.includes("link") ? "/etc/passwd" : "" }]),
        "ARCHIVE_UNSAFE",
        link,
      ));
  }
});

const SOUND: Entry = { name: "index.mjs", content: "1" };
/** Kinds of GNU tar, Solaris and others that tell of something beside plain content, and one that nobody knows. */
const NOT_UNDERSTOOD = {
  S: "sparse",
  D: "dumped folder",
  M: "continued",
  V: "label",
  A: "list",
  Z: "unknown",
};

describe("an archive is refused whole, and nothing of it is written, for an entry that would be left out or altered", () => {
  for (const [type, what] of Object.entries(NOT_UNDERSTOOD)) {
    it(`${what} (tar, type ${type})`, (t) =>
      unwritten(
        t,
        "x.tgz",
        tarGz([SOUND, { name: "data.db", content: "data", type }]),
        "ARCHIVE_UNSAFE",
        /data\.db.* kind/,
      ));
  }
  for (const version of ["0.0", "0.1", "1.0"]) {
    it(`sparse in the words of PAX, version ${version} (tar)`, async (t) => {
      const folder = await temporaryFolder(t);
      const sparse = await open(join(folder, "data.db"), "w");
      await sparse.write("end", 10_000_000);
      await sparse.close();
      const how = ["--format=pax", `--sparse-version=${version}`, "-czSf", "x.tgz", "data.db"];
      await run("tar", how, { cwd: folder });
      const archive = await readFile(join(folder, "x.tgz"));
      return unwritten(t, "x.tgz", archive, "ARCHIVE_UNSAFE", /data\.db.* sparse|sparse/);
    });
  }
  it("encrypted (zip)", (t) =>
    unwritten(
      t,
      "x.zip",
      zip([SOUND, { ...SOUND, name: "b", encrypted: true }]),
      "ARCHIVE_DAMAGED",
      /encrypted/,
    ));
  it("compressed in another way (zip)", (t) =>
    unwritten(t, "x.zip", zip([SOUND, { ...SOUND, name: "b", method: 9 }]), "ARCHIVE_DAMAGED", /compressed/));
  it("a folder with content (zip)", (t) =>
    unwritten(
      t,
      "x.zip",
      zip([SOUND, { name: "b/", content: "hidden" }]),
      "ARCHIVE_UNSAFE",
      /folder with content/,
    ));
  it("a harmless one before a harmful one", (t) =>
    unwritten(t, "x.tgz", tarGz([SOUND, { name: "../b" }]), "ARCHIVE_UNSAFE", /leads out/));
});

describe("an archive counts as damaged when", () => {
  const whole = { "x.zip": zip(SITE), "x.tgz": tarGz(SITE) };
  for (const [name, bytes] of Object.entries(whole)) {
    it(`it is cut short (${name})`, (t) =>
      refused(t, name, bytes.subarray(0, -40), "ARCHIVE_DAMAGED", /[^.]\.$/));
    it(`it is something else (${name})`, (t) =>
      refused(t, name, Buffer.alloc(5000, 7), "ARCHIVE_DAMAGED", /[^.]\.$/));
    it(`it is empty (${name})`, (t) => refused(t, name, Buffer.alloc(0), "ARCHIVE_DAMAGED"));
  }
  it("a file's checksum is another", (t) =>
    refused(t, "x.zip", zip([{ name: "a", content: "a", crc: 1 }]), "ARCHIVE_DAMAGED", /checksum/));
  it("a file is longer than stated", (t) =>
    refused(t, "x.zip", zip([{ name: "a", content: "aaaa", size: 2 }]), "ARCHIVE_DAMAGED"));
  it("it holds no file", (t) => refused(t, "x.zip", zip([{ name: "a/" }]), "ARCHIVE_DAMAGED", /no file/));
});

describe("a bomb", () => {
  const limits = { entries: 100, bytes: 1_000_000, ratio: 50, ratioFromBytes: 100_000 };
  const zeros = (bytes: number): readonly Entry[] => [{ name: "zeros", content: Buffer.alloc(bytes) }];
  const tooMuch = /unpacks to more than/;
  it("is refused by its size", (t) =>
    refused(t, "x.zip", zip(zeros(1_000_001)), "ARCHIVE_UNSAFE", tooMuch, { ...limits, ratio: 10_000 }));
  it("is refused by its ratio (zip)", (t) =>
    refused(t, "x.zip", zip(zeros(500_000)), "ARCHIVE_UNSAFE", tooMuch, limits));
  it("is refused by its ratio (tar)", (t) =>
    refused(t, "x.tgz", tarGz(zeros(500_000)), "ARCHIVE_UNSAFE", tooMuch, limits));
  it("is refused by the number of its entries", (t) => {
    const entries = Array.from({ length: 101 }, (_, index) => ({ name: `f${index}`, content: "x" }));
    return refused(t, "x.zip", zip(entries), "ARCHIVE_UNSAFE", /more than 100 entries/, limits);
  });
  it("is refused by the number of its entries (tar)", (t) => {
    const entries = Array.from({ length: 101 }, (_, index) => ({ name: `f${index}`, content: "x" }));
    return refused(t, "x.tgz", tarGz(entries), "ARCHIVE_UNSAFE", /more than 100 entries/, limits);
  });
  it("is none below the limits", async (t) => {
    const archive = join(await temporaryFolder(t), "x.tgz");
    await writeFile(archive, tarGz(zeros(90_000)));
    assert.equal((await unpack(archive, `${archive}.out`, limits)).bytes, 90_000);
  });
});

async function refused(...refusal: Parameters<typeof leftBy>): Promise<void> {
  await leftBy(...refusal);
}

async function unwritten(...refusal: Parameters<typeof leftBy>): Promise<void> {
  assert.deepEqual(await leftBy(...refusal), []);
}

/** What is in the folder after a refusal. */
async function leftBy(
  t: TestContext,
  name: string,
  bytes: Buffer,
  code: string,
  message = /./,
  limits?: Parameters<typeof unpack>[2],
): Promise<string[]> {
  const folder = await temporaryFolder(t);
  const archive = join(folder, name);
  await writeFile(archive, bytes);
  await assert.rejects(unpack(archive, join(folder, "out"), limits), { code, message });
  assert.deepEqual((await readdir(folder)).sort(), ["out", name].sort());
  return await readdir(join(folder, "out"));
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function folders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
