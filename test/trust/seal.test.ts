import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import {
  chmod,
  chown,
  cp,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { readManifest, writeManifest } from "#src/site/manifest.js";
import { signManifest } from "#src/site/signature.js";
import { seal } from "#src/site/trust/seal.js";
import { RELEASE, signedSite, writeFiles } from "./signed-site.js";

/** More than is read at once. */
const LARGE = "0123456789abcdef".repeat(64 * 1024);

test("a sealed copy holds the signed files and no others, with their permissions, and stays while it is sound", async (t) => {
  const { layout, publicKey, artifact } = await signedSite(t, { "bin/large": LARGE, "empty.txt": "" });
  await chmod(join(artifact, "bin", "large"), 0o777);
  await writeFile(join(artifact, "added.js"), "added");
  const copy = await seal(layout, RELEASE, publicKey);
  assert.deepEqual((await readdir(copy)).sort(), ["_entry.txt", "bin", "empty.txt", "index.mjs", "late.mjs"]);
  assert.equal(await readFile(join(copy, "bin", "large"), "utf8"), LARGE);
  assert.equal((await stat(join(copy, "bin", "large"))).mode & 0o777, 0o755);
  assert.equal(await seal(layout, RELEASE, publicKey), copy);
});

/** What an app may write beside itself, or a visitor have it write; each is found by its name, or runs in another's place. */
const ADDED: Record<string, (copy: string) => Promise<unknown>> = {
  "a log": (copy) => writeFile(join(copy, "app.log"), "the app's own"),
  "another entry point": (copy) => writeFile(join(copy, "server.mjs"), "added"),
  "a package": (copy) => writeFiles(copy, { "node_modules/bufferutil/index.js": "added" }),
  "a package beside it": (copy) => writeFiles(dirname(copy), { "node_modules/bufferutil/index.js": "added" }),
  "an empty folder": (copy) => mkdir(join(copy, "lib")),
  "a link": (copy) => symlink("late.mjs", join(copy, "other.mjs")),
  "a link in the place of a folder": async (copy) => {
    await rename(join(copy, "bin"), join(dirname(copy), "..", ".bin"));
    await symlink(join("..", "..", ".bin"), join(copy, "bin"));
  },
};

for (const [what, add] of Object.entries(ADDED)) {
  test(`a copy that got ${what} is not started from again, and stays as it is for who runs from it`, async (t) => {
    const { layout, publicKey } = await signedSite(t, { "bin/tool": "tool" });
    const copy = await seal(layout, RELEASE, publicKey);
    await add(copy);
    const before = (await readdir(dirname(copy), { recursive: true })).sort();
    const next = await seal(layout, RELEASE, publicKey);
    assert.notEqual(next, copy);
    assert.deepEqual((await readdir(dirname(next), { recursive: true })).sort(), [
      "shop-1",
      "shop-1/_entry.txt",
      "shop-1/bin",
      "shop-1/bin/tool",
      "shop-1/index.mjs",
      "shop-1/late.mjs",
    ]);
    assert.deepEqual((await readdir(dirname(copy), { recursive: true })).sort(), before);
    assert.equal(await seal(layout, RELEASE, publicKey), next);
  });
}

test("an app that writes to its own folder at each start takes a bounded number of copies", async (t) => {
  const { layout, publicKey } = await signedSite(t);
  const copies: string[] = [];
  for (let start = 0; start < 20; start += 1) {
    copies.push(await seal(layout, RELEASE, publicKey));
    await writeFile(join(copies.at(-1) ?? "", "app.log"), String(start));
  }
  assert.equal((await readdir(layout.sealed)).length, 8);
  // Those of the last starts are still there.
  for (const [at, copy] of copies.slice(-8).entries())
    assert.equal(await readFile(join(copy, "app.log"), "utf8"), String(12 + at));
});

test("an altered copy is made anew, by any number of starts at the same time", async (t) => {
  const { layout, publicKey } = await signedSite(t);
  const copy = await seal(layout, RELEASE, publicKey);
  await writeFile(join(copy, "late.mjs"), "altered");
  const copies = await Promise.all(Array.from({ length: 8 }, () => seal(layout, RELEASE, publicKey)));
  for (const path of copies) assert.match(await readFile(join(path, "late.mjs"), "utf8"), /SIGNED late/);
  assert.equal(await readFile(join(copy, "late.mjs"), "utf8"), "altered");
  assert.deepEqual((await readdir(layout.sealed)).length, 2);
});

test("one altered file of many is told as that, and nothing of the copy stays", async (t) => {
  const files = Object.fromEntries(Array.from({ length: 240 }, (_, at) => [`lib/${at}/part.js`, `${at}\n`]));
  const { layout, publicKey, artifact } = await signedSite(t, files);
  await writeFile(join(artifact, "lib", "7", "part.js"), "altered");
  await assert.rejects(seal(layout, RELEASE, publicKey), {
    code: "ARTIFACT_ALTERED",
    message: /lib\/7\/part\.js/,
  });
  assert.deepEqual(await readdir(layout.sealed), []);
});

test("two artifacts of the same content have a copy each", async (t) => {
  const { layout, publicKey, privateKey, artifact } = await signedSite(t);
  const manifest = await readManifest(layout, RELEASE);
  assert.ok(manifest);
  await cp(artifact, join(layout.target, "shop-2"), { recursive: true });
  await writeManifest(layout, await signManifest({ ...manifest, artifact: "shop-2" }, privateKey));
  const first = await seal(layout, RELEASE, publicKey);
  const second = await seal(layout, "shop-2", publicKey);
  assert.equal(await seal(layout, RELEASE, publicKey), first);
  assert.equal(existsSync(first) && existsSync(second), true);
});

test("copies of artifacts that have been gone for an hour, and what killed starts left, are removed", async (t) => {
  const { layout, publicKey, artifact } = await signedSite(t);
  await seal(layout, RELEASE, publicKey);
  const left = join(layout.sealed, ".left");
  await mkdir(left);
  await utimes(left, new Date(0), new Date(0));
  await rm(artifact, { recursive: true });
  // What still runs from it may load more.
  await seal(layout, RELEASE, publicKey);
  const [noted = "", copy = ""] = (await readdir(layout.sealed)).sort();
  assert.equal(noted, `.${copy}`);
  await utimes(join(layout.sealed, noted), new Date(0), new Date(0));
  await assert.rejects(seal(layout, RELEASE, publicKey), { code: "ARTIFACT_ALTERED" });
  assert.deepEqual(await readdir(layout.sealed), []);
});

test("nothing is started from a folder that others can write", async (t) => {
  const { layout, publicKey } = await signedSite(t);
  const refused = { code: "SITE_NOT_WRITABLE", message: /can be written by another account/ };
  await mkdir(layout.sealed);
  await chmod(layout.sealed, 0o777);
  await assert.rejects(seal(layout, RELEASE, publicKey), refused);
  await chmod(layout.sealed, 0o755);
  if (process.getuid?.() === 0) {
    await chown(layout.sealed, 60_017, 60_017);
    await assert.rejects(seal(layout, RELEASE, publicKey), refused);
    await chown(layout.sealed, 0, 0);
  }
  await seal(layout, RELEASE, publicKey);
});
