import assert from "node:assert/strict";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readPointer, writePointer } from "#src/site/pointer.js";
import { drop, temporarySite } from "../rig/temporary-site.ts";

describe("pointer", () => {
  it("names what was written, leaves no temporary file, and is one line with a path a launcher can use", async (t) => {
    const layout = await temporarySite(t);
    const path = await drop(layout, "a b.mjs");
    await writePointer(layout, "a b.mjs");
    assert.deepEqual(await readPointer(layout), { state: "names", artifact: "a b.mjs", path });
    assert.match(await readFile(layout.pointer, "utf8"), /^_target[/\\]a b\.mjs\n$/);
    assert.deepEqual(await readdir(layout.staging), []);
  });

  it("is missing on a new site and dangling when the artifact is gone", async (t) => {
    const layout = await temporarySite(t);
    assert.equal((await readPointer(layout)).state, "missing");
    await writePointer(layout, "gone.mjs");
    assert.equal((await readPointer(layout)).state, "dangling");
    await rm(layout.target, { recursive: true });
    assert.equal((await readPointer(layout)).state, "dangling");
  });

  it("tells of a name that is there in another case", async (t) => {
    const layout = await temporarySite(t);
    await drop(layout, "Shop-1.mjs");
    for (const [text, inOtherCase] of [
      ["_target/shop-1.mjs", "Shop-1.mjs"],
      ["_target\\SHOP-1.MJS", "Shop-1.mjs"],
      ["_target/shop-2.mjs", undefined],
    ] as const) {
      await writeFile(layout.pointer, text);
      const found = await readPointer(layout);
      // A disk without case has it.
      if (found.state === "names") continue;
      assert.equal(found.state, "dangling");
      assert.equal(found.inOtherCase, inOtherCase, text);
    }
  });

  const forms = (root: string): string[] => [
    "_target/a.mjs",
    "_target\\a.mjs",
    "_TARGET\\a.mjs",
    ".\\_target\\a.mjs",
    "./_target/a.mjs",
    "a.mjs",
    '"_target\\a.mjs"',
    "\uFEFF_target/a.mjs\r\n",
    "  _target/a.mjs  \r\n\r\n",
    "_target/a.mjs\u001a",
    "_target\\a.mjs\r\n\u001a",
    `${root}/_target/a.mjs`,
    `\\\\?\\${root}\\_target\\a.mjs`,
    `"${root}/_target/a.mjs"\r\n`,
  ];
  it("takes every form that people and programs write", async (t) => {
    const layout = await temporarySite(t);
    await drop(layout, "a.mjs");
    for (const form of forms(layout.root)) {
      await writeFile(layout.pointer, form);
      const found = await readPointer(layout);
      assert.equal(found.state === "names" && found.artifact, "a.mjs", JSON.stringify(form));
    }
  });

  it("refuses whatever is not directly inside the target folder", async (t) => {
    const layout = await temporarySite(t);
    await drop(layout, "a.mjs");
    await mkdir(join(layout.target, "folder"));
    await writeFile(join(layout.target, "folder", "b.mjs"), "x");
    await writeFile(join(layout.root, "outside.mjs"), "x");
    for (const text of [
      "../outside.mjs",
      "_target/../outside.mjs",
      "_target\\..\\outside.mjs",
      "_target/..",
      "..",
      "_target/folder/b.mjs",
      "/etc/passwd",
      "\\\\server\\share\\x.exe",
      "C:\\Windows\\System32\\cmd.exe",
      `${layout.root}/outside.mjs`,
      `${layout.target}/../outside.mjs`,
      "other/a.mjs",
    ]) {
      await writeFile(layout.pointer, text);
      const found = await readPointer(layout);
      assert.equal(found.state === "invalid" && found.error.code, "POINTER_ESCAPES", JSON.stringify(text));
    }
  });

  it("refuses garbage with a code, whatever it is", async (t) => {
    const layout = await temporarySite(t);
    for (const text of [
      "",
      "\n",
      "a.mjs\nb.mjs",
      "x".repeat(5000),
      "a\0b",
      "_target/con",
      "_target/.x",
      "_target/a&b",
    ]) {
      await writeFile(layout.pointer, text);
      const found = await readPointer(layout);
      assert.equal(
        found.state === "invalid" && found.error.code,
        "POINTER_INVALID",
        JSON.stringify(text.slice(0, 20)),
      );
    }
    await rm(layout.pointer);
    await mkdir(layout.pointer);
    const found = await readPointer(layout);
    assert.equal(found.state === "invalid" && found.error.code, "POINTER_UNREADABLE");
  });
});
