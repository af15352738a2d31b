import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { validateConfig } from "#src/config/validate.js";
import { InplaceError } from "#src/errors.js";
import { parseWebConfig } from "#src/platform/web-config/read.js";
import { parsePointer, readPointer } from "#src/site/pointer.js";
import { entryParts } from "#src/watch/archive/entry-path.js";
import { temporarySite } from "../rig/temporary-site.js";

const RUNS = 2_000;
const NAMES = ["_target", "_TARGET", "app-1.mjs", "..", ".", "", "etc", "C:", "con", "\\\\host\\share", "~"];
const MARKS = ["/", "\\", "//", '"', "'", " ", "\t", "\r\n", "\n", "\0", "\uFEFF", "%2e", ":", "\u202e", "é"];

/** Text that is close to what a pointer holds. */
const pathLike = fc
  .array(fc.oneof(fc.constantFrom(...NAMES), fc.constantFrom(...MARKS), fc.string({ maxLength: 5 })), {
    maxLength: 12,
  })
  .map((parts) => parts.join(""));

test("whatever the pointer says, it names something directly in _target or is refused with a code", async (t) => {
  const layout = await temporarySite(t);
  fc.assert(
    fc.property(fc.oneof(pathLike, fc.string(), fc.string({ unit: "binary" })), (text) => {
      const name = refusedOr(() => parsePointer(layout, text));
      if (name === undefined) return;
      assert.doesNotMatch(name, /[/\\\0:]|^\.\.?$/);
      assert.equal(join(layout.target, name), `${layout.target}/${name}`);
    }),
    { numRuns: RUNS },
  );
});

test("whatever bytes the pointer file holds, reading it ends with a state", async (t) => {
  const layout = await temporarySite(t);
  await mkdir(join(layout.root, "outside"));
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 5_000 }), async (bytes) => {
      await writeFile(layout.pointer, bytes);
      const { state } = await readPointer(layout);
      assert.ok(["invalid", "dangling"].includes(state), state);
    }),
    { numRuns: 300 },
  );
});

const xmlPiece = fc.oneof(
  fc.constantFrom(
    "<configuration>",
    "</configuration>",
    "<system.webServer>",
    "</system.webServer>",
    '<httpPlatform processPath=".\\launch.cmd" />',
    '<httpPlatform processPath="x" requestTimeout="99:99:99" startupTimeLimit="-1" />',
    '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd"><!ENTITY c "&b;&b;">]>',
    "&c;",
    "<handlers><add name='a' path='*' verb='*' modules='httpPlatformHandler'/></handlers>",
    "<location path='.'>",
    "</location>",
    "<!--",
    "]]>",
    "\0",
  ),
  fc.string({ maxLength: 20 }),
);

test("whatever web.config holds, it is read or refused with a code", () => {
  fc.assert(
    fc.property(fc.array(xmlPiece, { maxLength: 12 }), (pieces) => {
      const config = refusedOr(() => parseWebConfig("web.config", Buffer.from(pieces.join(""))));
      if (config === undefined) return;
      assert.notEqual(config.processPath, "");
      assert.doesNotMatch(JSON.stringify(config), /root:x:0/);
      for (const value of [config.startupTimeLimitMs, config.requestTimeoutMs, config.rapidFailsPerMinute]) {
        assert.ok(Number.isFinite(value) && value >= 0);
      }
    }),
    { numRuns: RUNS },
  );
});

test("one changed byte of a sound web.config is read or refused with a code", () => {
  const sound = Buffer.from(
    '<?xml version="1.0"?><configuration><system.webServer><httpPlatform processPath="a" arguments="b" /></system.webServer></configuration>',
  );
  fc.assert(
    fc.property(fc.nat(sound.length - 1), fc.nat(255), (at, byte) => {
      const bytes = Buffer.from(sound);
      bytes[at] = byte;
      refusedOr(() => parseWebConfig("web.config", bytes));
    }),
    { numRuns: RUNS },
  );
});

const CONFIG_KEYS = [
  "site",
  "build",
  "files",
  "keep",
  "drain",
  "branch",
  "__proto__",
  "constructor",
  "builder",
];
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, -1, 0, 1e308, "", "entry", "command", "../..", "a\0b"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...CONFIG_KEYS), fc.string({ maxLength: 6 })), tie("value"), {
      maxKeys: 4,
    }),
  ),
})).value;

test("whatever the configuration holds, it is taken or refused with a code, and changes no prototype", () => {
  fc.assert(
    fc.property(json, (value) => {
      refusedOr(() => validateConfig(JSON.parse(JSON.stringify(value)), "inplace.config.json"));
      assert.equal(Object.keys(Object.prototype).length, 0);
    }),
    { numRuns: RUNS },
  );
});

test("whatever an archive calls its entry, the path stays in the folder or is refused with a code", () => {
  fc.assert(
    fc.property(fc.oneof(pathLike, fc.string(), fc.string({ unit: "binary" })), (path) => {
      const parts = refusedOr(() => entryParts(path));
      if (parts === undefined) return;
      for (const part of parts) assert.doesNotMatch(part, /[/\\\0:]|^\.*$/);
      assert.ok(join("/folder", ...parts).startsWith("/folder"));
    }),
    { numRuns: RUNS },
  );
});

/** undefined for what was refused with a code; anything else thrown fails the test. */
function refusedOr<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof InplaceError) return undefined;
    throw error;
  }
}
