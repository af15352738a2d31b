// Starts the app of this folder as its start line does, which _start.json holds in parts. Written by inplace-deploy deploy.
"use strict";
const Module = require("node:module");
const { existsSync, readFileSync } = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const v8 = require("node:v8");
const threads = require("node:worker_threads");

const line = JSON.parse(readFileSync(path.join(__dirname, "_start.json"), "utf8"));
const siteRoot = process.env.INPLACE_SITE_ROOT ?? process.cwd();

// What the launcher preloads is named relative to where it started this; workers and forked processes preload it, too.
const launchedIn = process.cwd();
process.execArgv = process.execArgv.map((word, at, all) =>
  all[at - 1] === "--import" && word.startsWith(".")
    ? pathToFileURL(path.resolve(launchedIn, word)).href
    : word,
);
const { Worker } = threads;
threads.Worker = class extends Worker {
  constructor(file, options) {
    // Some pools hand on an option that is undefined.
    super(file, { ...options, execArgv: options?.execArgv ?? process.execArgv });
  }
};
Object.defineProperty(threads.Worker, "name", { value: "Worker" });
Module.syncBuiltinESMExports();

process.chdir(path.join(__dirname, line.folder));
for (const [name, value] of Object.entries(line.env)) process.env[name] = filled(value);
// There are no development packages here.
process.env.NODE_ENV ??= "production";
Object.assign(process.env, line.package);
for (const file of line.envFiles) {
  // Secrets are no part of a release: what git ignores lies in the site beside all releases.
  const found = [path.resolve(file), path.join(siteRoot, line.folder, file), path.join(siteRoot, file)].find(
    existsSync,
  );
  if (found !== undefined) process.loadEnvFile(found);
}
for (const flag of line.v8) v8.setFlagsFromString(flag);
if (line.sourceMaps) process.setSourceMapsEnabled(true);

const main = path.resolve(line.file);
process.argv = [process.argv[0], main, ...line.args.map(filled), ...process.argv.slice(2)];
void start();

function start() {
  const require = Module.createRequire(path.join(process.cwd(), "start.cjs"));
  for (const name of line.requires) require(name);
  if (line.imports.length === 0) return runMain();
  const urls = line.imports.map((name) =>
    name.startsWith(".") ? pathToFileURL(path.resolve(name)).href : resolveImport(name, require),
  );
  urls.reduce((before, url) => before.then(() => import(url)), Promise.resolve()).then(runMain);
}

/** What an import of the app's own files would find. */
function resolveImport(name, require) {
  for (const folder of require.resolve.paths(name) ?? []) {
    const manifest = path.join(folder, name, "package.json");
    if (!existsSync(manifest)) continue;
    const entry = entryOf(JSON.parse(readFileSync(manifest, "utf8")));
    if (entry !== undefined) return pathToFileURL(path.join(folder, name, entry)).href;
  }
  return pathToFileURL(require.resolve(name)).href;
}

function entryOf({ exports }) {
  let found = typeof exports === "object" && exports !== null && "." in exports ? exports["."] : exports;
  while (typeof found === "object" && found !== null) found = found.node ?? found.import ?? found.default;
  return found;
}

/** As `node FILE` does: a CommonJS module is the main one, and a module is imported. */
function runMain() {
  if (isModule()) return import(pathToFileURL(main).href);
  try {
    Module._load(main, null, true);
  } catch (error) {
    // A module by its syntax alone, with an await outside of functions.
    if (error?.code !== "ERR_REQUIRE_ASYNC_MODULE") throw error;
    return import(pathToFileURL(main).href);
  }
}

function isModule() {
  switch (path.extname(main)) {
    case ".mjs":
    case ".mts":
      return true;
    case ".cjs":
    case ".cts":
      return false;
    default:
      return packageType() === "module";
  }
}

function packageType() {
  for (let folder = path.dirname(main); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, "package.json");
    if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, "utf8")).type;
    if (path.dirname(folder) === folder) return undefined;
  }
}

/** $NAME, ${NAME}, ${NAME:-otherwise} and %NAME% as the shell would fill them. */
function filled(text) {
  return text.replace(
    /\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)|%(\w+)%/g,
    (_, braced, otherwise, plain, percent) => process.env[braced ?? plain ?? percent] ?? otherwise ?? "",
  );
}
