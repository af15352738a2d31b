import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { BuildOptions, OnLoadResult, Plugin } from "esbuild";
import type { EntryBuild } from "../../config/config.ts";
import { copyTree, insideSource } from "../copy-tree.ts";
import type { Built, BuildRequest } from "./builder.ts";
import { bundle, type Bundled } from "./bundle.ts";
import { filesLeftBehind } from "./files-beside.ts";
import { packagesLeftOut } from "./packages-left-out.ts";

const ENTRY_FILE = "index.mjs";
const ASSETS_HINT =
  'Name them in build.assets, which lie beside index.mjs, or deploy the whole app: "builder": "directory", "directory": ".".';
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
  const { text, inputs } = await bundleEntry(config, request, folder);
  await writeFile(join(folder, ENTRY_FILE), text);
  const taken = [...inputs];
  for (const asset of config.assets ?? []) {
    const from = await insideSource(request.source, asset, "build.assets");
    taken.push(...(await copyTree(from, join(folder, asset), request.signal)));
  }
  const beside = inputs.map((path) => ({ path, folder }));
  for (const warning of [
    ...packagesLeftOut(request.source, inputs, new TextDecoder().decode(text)),
    ...filesLeftBehind(beside, ASSETS_HINT),
  ])
    request.onWarning(warning);
  const builder = `entry: ${config.entry}`;
  if ((await readdir(folder)).length > 1) return { path: folder, extension: "", builder, taken };
  const path = `${folder}.mjs`;
  await rename(join(folder, ENTRY_FILE), path);
  return { path, extension: ".mjs", builder, taken };
}

async function bundleEntry(config: EntryBuild, request: BuildRequest, folder: string): Promise<Bundled> {
  const options = {
    entryPoints: [await insideSource(request.source, config.entry, "build.entry")],
    // Written by us: the paths in a source map are then relative to the source, the same in every checkout.
    outfile: join(request.source, ENTRY_FILE),
    format: "esm",
    sourcemap: config.sourceMap === "none" ? false : "inline",
    minify: config.minify ?? false,
    banner: { js: BANNER },
    define: { __filename: "__inplaceFilename", __dirname: "__inplaceDirname" },
    plugins: [nativeAddons(folder)],
  } satisfies BuildOptions;
  return bundle(config.entry, options, request);
}

// An addon cannot be bundled: it is copied beside the code and loaded from there.
function nativeAddons(folder: string): Plugin {
  const NAMESPACE = "native-addon";
  const copied = async ({ path }: { readonly path: string }): Promise<OnLoadResult> => {
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
  };
  return {
    name: NAMESPACE,
    setup: (build) => {
      build.onResolve({ filter: /\.node$/, namespace: "file" }, ({ path, resolveDir }) => {
        if (!/^\.{0,2}[\\/]/.test(path)) return undefined;
        const full = resolve(resolveDir, path);
        // Packages try the addons of all systems in turn: what is not here fails when the app runs, as it would unbundled.
        return existsSync(full) ? { path: full, namespace: NAMESPACE } : { path, external: true };
      });
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, copied);
      // What is a package's main file: one package for each system, as those of napi-rs are.
      build.onLoad({ filter: /\.node$/, namespace: "file" }, copied);
      build.onResolve({ filter: /\.node$/, namespace: NAMESPACE }, ({ path }) => ({ path, external: true }));
    },
  };
}
