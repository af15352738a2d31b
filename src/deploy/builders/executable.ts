import { chmod, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, extname, join, relative, resolve, sep } from "node:path";
import type { BuildOptions } from "esbuild";
import type { ExecutableBuild } from "../../config/config.ts";
import { InplaceError } from "../../errors.ts";
import { packageFile } from "../../package-files.ts";
import { filesBelow, insideSource } from "../copy-tree.ts";
import { runCommand } from "../run-command.ts";
import { expectSuccess, type Built, type BuildRequest } from "./builder.ts";
import { bundle, type Bundled } from "./bundle.ts";
import { packagesLeftOut } from "./packages-left-out.ts";

const MACOS = process.platform === "darwin";
// https://nodejs.org/api/single-executable-applications.html
const RESOURCE = "NODE_SEA_BLOB";
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";
const SEGMENT = "NODE_SEA";
const RUNTIME = packageFile("dist/runtime/take-part.js");
// Node gives the embedded script a require for its own modules only.
const BANNER = `require = require("node:module").createRequire(__filename);
const __inplaceUrl = require("node:url").pathToFileURL(__filename).href;`;

/**
 * Node with the app, its files and the runtime inside: one executable. Where it starts, no Node has to be installed
 * and nothing preloads the runtime, so the app begins when the runtime takes part. Throws POSTJECT_MISSING.
 */
export async function buildExecutable(config: ExecutableBuild, request: BuildRequest): Promise<Built> {
  const postject = findPostject(request.source);
  const node = await nodeProgram(config, request.source);
  const extension = extname(node).toLowerCase() === ".exe" ? ".exe" : "";
  const path = join(request.output, `${request.name}${extension}`);
  const folder = join(request.output, "parts");
  await mkdir(folder);
  const { blob, taken } = await prepareBlob(config, request, folder);
  await copyFile(node, path);
  await chmod(path, 0o755);
  if (MACOS) await run(request, "codesign", "--remove-signature", path);
  const where = ["--sentinel-fuse", FUSE, "--macho-segment-name", SEGMENT];
  await run(request, process.execPath, postject, path, RESOURCE, blob, ...where);
  if (MACOS) await run(request, "codesign", "--sign", "-", path);
  await rm(folder, { recursive: true });
  return { path, extension, builder: `executable: ${config.entry} in Node ${process.version}`, taken };
}

/** The program that the app is put into. Throws CONFIG_INVALID where what we prepare would not fit. */
async function nodeProgram({ node }: ExecutableBuild, source: string): Promise<string> {
  if (node === undefined) return process.execPath;
  const path = resolve(source, node);
  const content = await readFile(path).catch((cause: unknown) => {
    throw new InplaceError("CONFIG_INVALID", `build.node: there is no ${path}.`, { cause });
  });
  if (content.includes(process.version)) return path;
  throw new InplaceError("CONFIG_INVALID", `build.node: ${path} is not Node ${process.version}.`, {
    hint: "Deploy with that version, or name a program of this one.",
  });
}

/** What is put into the executable; gives its path, and the files that went into it. */
async function prepareBlob(
  config: ExecutableBuild,
  request: BuildRequest,
  folder: string,
): Promise<{ readonly blob: string; readonly taken: readonly string[] }> {
  const main = join(folder, "main.cjs");
  const blob = join(folder, "blob");
  const description = join(folder, "sea.json");
  const { text, inputs } = await bundleMain(config, request);
  await writeFile(main, text);
  for (const warning of packagesLeftOut(request.source, inputs, new TextDecoder().decode(text)))
    request.onWarning(warning);
  const assets = await assetsOf(config, request.source);
  const sea = { main, output: blob, disableExperimentalSEAWarning: true, assets };
  await writeFile(description, JSON.stringify(sea));
  await run(request, process.execPath, "--experimental-sea-config", description);
  return { blob, taken: [...inputs, ...Object.values(assets)] };
}

async function bundleMain(config: ExecutableBuild, request: BuildRequest): Promise<Bundled> {
  const entry = await insideSource(request.source, config.entry, "build.entry");
  const main = `import { takePart } from ${JSON.stringify(RUNTIME)};
takePart().then(() => import(${JSON.stringify(entry)}));`;
  const options = {
    stdin: { contents: main, resolveDir: request.source, sourcefile: "main.mjs" },
    // Up to Node 24 the embedded script has to be CommonJS.
    format: "cjs",
    minify: config.minify ?? false,
    banner: { js: BANNER },
    define: {
      "import.meta.url": "__inplaceUrl",
      "import.meta.filename": "__filename",
      "import.meta.dirname": "__dirname",
    },
  } satisfies BuildOptions;
  return bundle(config.entry, options, request);
}

/** Files by the name that `sea.getAsset` finds them under: their path relative to the source, with "/". */
async function assetsOf({ assets = [] }: ExecutableBuild, source: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const asset of assets) {
    const from = await insideSource(source, asset, "build.assets");
    for (const file of await filesBelow(from)) {
      const path = join(from, file);
      found[relative(source, path).replaceAll(sep, "/")] = path;
    }
  }
  return found;
}

/** Of the site's own packages, else of ours. */
function findPostject(source: string): string {
  for (const from of [join(source, "package.json"), import.meta.url]) {
    try {
      return createRequire(from).resolve("postject/dist/cli.js");
    } catch {
      continue;
    }
  }
  throw new InplaceError("POSTJECT_MISSING", "The builder executable needs the package postject.");
}

/** What these programs say is of interest only where they fail. */
async function run(request: BuildRequest, file: string, ...args: readonly string[]): Promise<void> {
  const { source: cwd, env, signal, limitMs } = request;
  const options = { cwd, env, signal, limitMs, onLine: () => undefined };
  const end = await runCommand({ kind: "argv", file, args }, options);
  expectSuccess(`${basename(file)} ${args[0] ?? ""}`, end, limitMs);
}
