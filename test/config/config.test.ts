import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_KEEP, normalizeConfig } from "#src/config/config.js";
import { loadConfig, packageName, siteName } from "#src/config/load.js";
import { validateConfig } from "#src/config/validate.js";
import { InplaceError } from "#src/errors.js";
import { writeFiles } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";

function refusal(value: unknown): InplaceError {
  try {
    validateConfig(value, "test.json");
  } catch (error) {
    assert.ok(error instanceof InplaceError, String(error));
    return error;
  }
  return assert.fail(`${JSON.stringify(value)} was accepted`);
}

test("more workers than a machine has room for, times that no timer keeps and paths that nobody can ask for are refused", () => {
  for (const [key, value] of Object.entries({ workers: 1e9, readyMs: 2 ** 31, drainMs: 1e300 }))
    assert.match(
      refusal({ supervise: { [key]: value } }).message,
      new RegExp(`supervise\\.${key} must be <=`),
    );
  assert.match(refusal({ supervise: { health: { path: "/a b" } } }).message, /supervise\.health\.path/);
});

test("paths that were written on Windows mean the same everywhere", () => {
  const build = { builder: "entry", entry: ".\\src\\server.ts", assets: ["public\\img"] } as const;
  const config = normalizeConfig(validateConfig({ build, files: ["robots\\x.txt"] }, "test.json"));
  assert.deepEqual(config.build, { builder: "entry", entry: "./src/server.ts", assets: ["public/img"] });
  assert.deepEqual(config.files, ["robots/x.txt"]);
});

test("a folder without configuration has the defaults", async (t) => {
  const config = await loadConfig(await temporaryFolder(t));
  assert.deepEqual(
    [config.site, config.build, config.files, config.keep],
    [undefined, undefined, [], DEFAULT_KEEP],
  );
});

test("the rollout is a handover, unless recycle is chosen or the app may not run twice", async (t) => {
  const { rollout, overlap } = await loadConfig(await temporaryFolder(t));
  assert.deepEqual([rollout, overlap], ["handover", true]);
  for (const [user, expected] of [
    [{ rollout: "recycle" }, ["recycle", true]],
    [{ rollout: "handover", overlap: true }, ["handover", true]],
    [{ overlap: false }, ["recycle", false]],
    [{ rollout: "recycle", overlap: false }, ["recycle", false]],
  ] as const) {
    const config = normalizeConfig(validateConfig(user, "test.json"));
    assert.deepEqual([config.rollout, config.overlap], expected, JSON.stringify(user));
  }
});

test("the deadline of a drain is the supervisor's too, which may have another", () => {
  const drain = { deadlineMs: 90_000 };
  assert.deepEqual(normalizeConfig({ drain }).supervise, { drainMs: 90_000 });
  assert.deepEqual(normalizeConfig({ drain, supervise: { drainMs: 5, workers: 2 } }).supervise, {
    drainMs: 5,
    workers: 2,
  });
  assert.deepEqual(normalizeConfig({ drain: { maxUnavailable: 2 } }).supervise, {});
});

test("inplace.config.json wins over the inplace key of package.json, and a BOM does no harm", async (t) => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, {
    "package.json": { name: "@scope/app", inplace: { site: "by-package", keep: 3 } },
  });
  assert.equal((await loadConfig(folder)).site, "by-package");
  await writeFile(join(folder, "inplace.config.json"), '\uFEFF{ "site": "by-file" }');
  const config = await loadConfig(folder);
  assert.deepEqual([config.site, config.keep], ["by-file", DEFAULT_KEEP]);
  assert.equal(await packageName(folder), "app");
});

test("a package.json that is no JSON, and a name that no site can have, are said and not passed over", async (t) => {
  const folder = join(await temporaryFolder(t), "日本");
  await writeFiles(folder, { "inplace.config.json": {} });
  await assert.rejects(siteName(undefined, await loadConfig(folder), folder), (error: InplaceError) => {
    assert.equal(error.code, "SITE_NAME_INVALID");
    return /日本/.test(error.message) && /Set "site" in inplace\.config\.json/.test(error.hint);
  });
  assert.equal(await siteName(undefined, normalizeConfig({ site: "shop" }), folder), "shop");
  await writeFiles(folder, { "package.json": '{ "name": "shop", }' });
  const refused = { code: "CONFIG_UNREADABLE", message: /package\.json is not JSON/ };
  await assert.rejects(siteName(undefined, normalizeConfig({}), folder), refused);
  await rm(join(folder, "inplace.config.json"));
  await assert.rejects(loadConfig(folder), refused);
});

test("an unknown key names the nearest known one, at any depth", () => {
  for (const [value, key, hint] of [
    [{ sites: "x" }, '"sites"', '"site"'],
    [{ drain: { deadline: 1 } }, '"drain.deadline"', '"deadlineMs"'],
    [{ build: { builder: "entry", entry: "x", asets: [] } }, '"build.asets"', '"assets"'],
    [{ build: { builder: "command", comand: ["x"] } }, '"build.comand"', '"command"'],
  ] as const) {
    const error = refusal(value);
    assert.equal(error.code, "CONFIG_UNKNOWN_KEY");
    assert.ok(error.message.includes(key), error.message);
    assert.ok(error.hint.includes(hint), error.hint);
  }
});

test("a value that does not fit says where and what is expected", () => {
  for (const [value, message] of [
    [{ keep: "five" }, "test.json: keep must be integer."],
    [
      { build: { builder: "make" } },
      "test.json: build needs a builder: entry, executable, command or directory.",
    ],
    [{ build: { builder: "entry" } }, "test.json: build needs entry."],
    [
      { build: { builder: "entry", entry: "x", sourceMap: "file" } },
      "test.json: build.sourceMap must be one of inline, none.",
    ],
    [{ build: { builder: "command" } }, "test.json: build needs either command or shell."],
    [
      { build: { builder: "command", command: ["x"], shell: "x" } },
      "test.json: build needs either command or shell.",
    ],
    [
      { rollout: "handover", overlap: false },
      "test.json: rollout can not be handover: a handover runs the next release beside the old one, and overlap is false.",
    ],
    [{ overlap: "no" }, "test.json: overlap must be boolean."],
    [{ rollout: "swap" }, "test.json: rollout must be one of handover, recycle."],
    [["no object"], "test.json: the configuration must be object."],
  ] as const) {
    const error = refusal(value);
    assert.deepEqual([error.code, error.message], ["CONFIG_INVALID", message]);
  }
});

test("whatever JSON a configuration holds, it is taken or refused with a code", () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom("build", "drain", "overlap", "rollout", "site", "files", "keep", "x"),
      (value, key) => {
        for (const config of [value, { [key]: value }]) {
          try {
            validateConfig(config, "test.json");
          } catch (error) {
            assert.ok(error instanceof InplaceError, String(error));
          }
        }
      },
    ),
  );
});
