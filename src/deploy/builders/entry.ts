import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { context, formatMessages, type BuildFailure, type BuildOptions, type Plugin } from "esbuild";
import type { EntryBuild } from "../../config/config.ts";
import { InplaceError, systemCode } from "../../errors.ts";
import { copyTree, insideSource } from "../copy-tree.ts";
import { buildFailed, type Built, type BuildRequest } from "./builder.ts";

const ENTRY_FILE = "index.mjs";
/** The oldest Node that inplace-deploy runs on. */
const TARGET = "node20.19";
// CommonJS packages expect these; the odd names keep clear of what an app declares itself.
const BANNER = `import { createRequire as __inplaceCreateRequire } from "node:module";
import { fileURLToPath as __inplaceFileURLToPath } from "node:url";
import { dirname as __inplaceDirnameOf } from "node:path";
const require = __inplaceCreateRequire(import.meta.url);
const __inplaceFilename = __inplaceFileURLToPath(import.meta.url);
const __inplaceDirname = __inplaceDirnameOf(__inplaceFilename);`;

/** Bundles an entry point and all it imports into one `.mjs`; a folder where addons or assets have to lie beside it. */
export async function buildEntry(config: EntryBuild, request: BuildRequest): Promise<Built> {
  const folder = join(request.output, request.name);
  await mkdir(folder);
  await bundle(config, request, folder);
  for (const asset of config.assets ?? []) {
    const from = await insideSource(request.source, asset, "build.assets");
    await copyTree(from, join(folder, asset), request.signal);
  }
  const builder = `entry: ${config.entry}`;
  if ((await readdir(folder)).length > 1) return { path: folder, extension: "", builder };
  const path = `${folder}.mjs`;
  await rename(join(folder, ENTRY_FILE), path);
  return { path, extension: ".mjs", builder };
}

async function bundle(config: EntryBuild, request: BuildRequest, folder: string): Promise<void> {
  const entryPoint = await insideSource(request.source, config.entry, "build.entry");
  const build = await context({
    absWorkingDir: request.source,
    entryPoints: [entryPoint],
    // Written by us: the paths in a source map are then relative to the source, the same in every checkout.
    outfile: join(request.source, ENTRY_FILE),
    write: false,
    bundle: true,
    platform: "node",
    format: "esm",
    target: TARGET,
    sourcemap: config.sourceMap === "none" ? false : "inline",
    minify: config.minify ?? false,
    banner: { js: BANNER },
    define: { __filename: "__inplaceFilename", __dirname: "__inplaceDirname" },
    plugins: [nativeAddons(folder)],
    logLevel: "silent",
  } satisfies BuildOptions).catch(async (error: unknown) => {
    throw await asBuildError(config.entry, error);
  });
  const cancel = (): void => void build.cancel();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    cancel();
  }, request.limitMs);
  request.signal.addEventListener("abort", cancel, { once: true });
  try {
    const { warnings, outputFiles } = await build.rebuild();
    for (const { contents } of outputFiles) await writeFile(join(folder, ENTRY_FILE), contents);
    for (const text of await formatMessages(warnings, { kind: "warning" })) request.onLine(text.trimEnd());
  } catch (error) {
    request.signal.throwIfAborted();
    if (timedOut) {
      throw new InplaceError(
        "BUILD_TIMED_OUT",
        `Bundling ${config.entry} took over ${request.limitMs / 1000} s.`,
      );
    }
    throw await asBuildError(config.entry, error);
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener("abort", cancel);
    await build.dispose();
  }
  request.signal.throwIfAborted();
}

// An addon cannot be bundled: it is copied beside the code and loaded from there.
function nativeAddons(folder: string): Plugin {
  const NAMESPACE = "native-addon";
  return {
    name: NAMESPACE,
    setup: (build) => {
      build.onResolve({ filter: /\.node$/, namespace: "file" }, ({ path, resolveDir }) =>
        /^\.{0,2}[\\/]/.test(path) ? { path: resolve(resolveDir, path), namespace: NAMESPACE } : undefined,
      );
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, async ({ path }) => {
        const digest = createHash("sha256")
          .update(await readFile(path))
          .digest("hex");
        const name = `${digest.slice(0, 8)}-${basename(path)}`;
        await copyFile(path, join(folder, name));
        return {
          contents: `module.exports = require(${JSON.stringify(`./${name}`)});`,
          loader: "js",
          resolveDir: dirname(path),
        };
      });
      build.onResolve({ filter: /\.node$/, namespace: NAMESPACE }, ({ path }) => ({ path, external: true }));
    },
  };
}

async function asBuildError(entry: string, error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || systemCode(error) !== undefined) return error;
  // No message about the source: esbuild itself failed, killed for want of memory, say.
  if (!("errors" in error)) return buildFailed(`Bundling ${entry} failed`, [`esbuild: ${error.message}`]);
  const messages = await formatMessages((error as BuildFailure).errors, { kind: "error" });
  return buildFailed(`Bundling ${entry} failed`, messages.join("").trimEnd().split("\n"));
}
