import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { BuildConfig } from "#src/config/config.js";
import { build } from "#src/deploy/builders/build.js";
import { pathsBeside } from "#src/deploy/builders/files-beside.js";
import { writeFiles, type Files } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";

const pkg = (name: string, more: object = {}): Files => ({
  [`node_modules/${name}/package.json`]: { name, version: "1.0.0", main: "index.js", ...more },
});
/** As Express does it. */
const RENDERS: Files = {
  ...pkg("web"),
  "node_modules/web/index.js": "exports.engine = (name) => require(name);",
};

/** What is built, of which files → what is said of it; the first word of a line is its subject. */
const BUILDS: readonly [what: string, files: Files, config: BuildConfig, said: readonly RegExp[]][] = [
  [
    "a bundle that holds all it needs",
    {
      "package.json": { dependencies: { web: "1", unused: "1" } },
      ...RENDERS,
      ...pkg("unused"),
      "app.js": `require("web"); new URL("./public/page.html", import.meta.url);`,
      "public/page.html": "",
    },
    { builder: "entry", entry: "app.js", assets: ["public"] },
    [],
  ],
  [
    "a view engine, views and public beside an Express app",
    {
      "package.json": { dependencies: { web: "1", pug: "3" } },
      ...RENDERS,
      ...pkg("pug"),
      "bin/www": "require('../app')",
      "bin/www.js": "require('../app')",
      "app.js": `
        const path = require("path"), web = require("web");
        web.engine("pug"); path.join(__dirname, "views"); path.join(__dirname, 'public', 'css');`,
      "views/index.pug": "",
      "public/css/a.css": "",
    },
    { builder: "entry", entry: "bin/www.js" },
    [/^pug: loaded by name/, /beside the code: views, public\/css \(app\.js\)/],
  ],
  [
    "assets that lie elsewhere than the code looks",
    {
      "src/app.mjs":
        'import { readFileSync } from "fs"; readFileSync(new URL("../public/a.txt", import.meta.url));',
      "public/a.txt": "a",
    },
    { builder: "entry", entry: "src/app.mjs", assets: ["public"] },
    [/beside the code: \.\.\/public\/a\.txt \(app\.mjs\)/],
  ],
  [
    "a package that reads a file of its own, and a database driver that another loads by name",
    {
      "package.json": { dependencies: { fonts: "1", orm: "1", "my-driver": "1" } },
      ...pkg("fonts"),
      "node_modules/fonts/index.js": "require('fs').readFileSync(`${__dirname}/data/sans.afm`)",
      "node_modules/fonts/data/sans.afm": "",
      ...pkg("orm"),
      "node_modules/orm/index.js": "const load = (n) => require(n); exports.open = () => load('my-driver')",
      ...pkg("my-driver"),
      "app.js": "require('fonts'); require('orm')",
    },
    { builder: "entry", entry: "app.js" },
    [/^my-driver: loaded by name/, /data\/sans\.afm \(fonts\/index\.js\)/],
  ],
  [
    "addons that are looked for when the app runs",
    {
      "package.json": { dependencies: { hash: "1", picture: "1" } },
      ...pkg("hash", { dependencies: { bindings: "1" } }),
      "node_modules/hash/index.js": "require('bindings')('hash')",
      ...pkg("bindings"),
      "node_modules/bindings/index.js": "module.exports = (name) => require(name + '.node')",
      ...pkg("picture", { optionalDependencies: { "@picture/linux-x64": "1", "@picture/win32-x64": "1" } }),
      "node_modules/picture/index.js": "require('@picture/' + process.platform)",
      ...pkg("@picture/linux-x64"),
      "app.js": "require('hash'); require('picture')",
    },
    { builder: "entry", entry: "app.js" },
    [/^hash, picture: looks for its native addon/],
  ],
  [
    "a folder whose packages lie above it, as pnpm's links do",
    {
      "package.json": { dependencies: { fastify: "5" } },
      ...pkg("fastify"),
      "dist/server.js": `
        import fastify from "fastify"; import "./lib/log.js"; import fs from "node:fs";
        try { require("optional-part") } catch {}`,
      "dist/lib/log.js": 'import { format } from "@log/format/deep.js"; import("nowhere").catch(() => 0);',
    },
    { builder: "directory", directory: "dist" },
    [/imported, and that the release does not hold: fastify \(server\.js\), @log\/format \(lib\/log\.js\)/],
  ],
  [
    "a folder with its packages, and one that looks beside itself",
    {
      "package.json": { dependencies: { fastify: "5" } },
      ...pkg("fastify"),
      "dist/index.js": 'require("fastify"); require("path").join(__dirname, "../views")',
      "views/index.ejs": "",
    },
    { builder: "directory", directory: "dist", install: true },
    [/beside the code: \.\.\/views \(index\.js\)/],
  ],
  [
    "a whole app that imports what its package.json does not name",
    {
      "package.json": { dependencies: { fastify: "5" } },
      ...pkg("fastify"),
      ...pkg("phantom"),
      "bin/www": "#!/usr/bin/env node\nrequire('../app')",
      "app.js": "require('fastify'); require('phantom/sub')",
    },
    { builder: "directory", directory: ".", start: "node bin/www" },
    [/does not hold: phantom \(app\.js\)/],
  ],
  [
    "pages, and a program of another language",
    { "public/index.html": "", "public/app.js": 'import "somewhere"' },
    { builder: "directory", directory: "public", static: "pages" },
    [],
  ],
];

for (const [what, files, config, said] of BUILDS) {
  test(`what a release lacks is said when it is built: ${what}`, async (t) => {
    const warnings = await warningsOf(t, files, config);
    assert.equal(warnings.length, said.length, warnings.join("\n"));
    for (const [at, line] of said.entries()) assert.match(warnings[at] ?? "", line);
  });
}

async function warningsOf(t: TestContext, files: Files, config: BuildConfig): Promise<string[]> {
  const place = await temporaryFolder(t);
  const [source, output] = [join(place, "source"), join(place, "out")];
  await mkdir(output);
  await writeFiles(source, files);
  const found: string[] = [];
  await build(config, {
    source,
    output,
    name: "shop-1",
    commit: undefined,
    site: "shop",
    env: process.env,
    limitMs: 60_000,
    signal: new AbortController().signal,
    onLine: () => undefined,
    onWarning: ({ message }) => void found.push(message),
  });
  return found;
}

test("paths from a file's own place are found in every form", () => {
  const forms: readonly [text: string, paths: readonly string[]][] = [
    ["path.join(__dirname, 'views')", ["views"]],
    ['path.resolve(__dirname, "..", "public", `img`)', ["../public/img"]],
    ["__dirname + '/views/a.html'", ["views/a.html"]],
    ["sendFile(`${__dirname}/page.html`)", ["page.html"]],
    ["join(import.meta.dirname, 'data.json')", ["data.json"]],
    ['new URL("./public/", import.meta.url)', ["./public/"]],
    ['new URL("https://x.example/", import.meta.url)', []],
    ["// path.join(__dirname, 'old')", []],
    ["path.join(__dirname, name)", []],
    ["'views'", []],
  ];
  for (const [text, paths] of forms) assert.deepEqual([...pathsBeside(text)], paths, text);
});
