import { existsSync, readFileSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import type { BuildContext, BuildOptions, Plugin } from "esbuild";
import { isInside } from "../../paths.ts";
import { entryPoint, NODE_PROGRAM } from "../../site/entry-point.ts";
import type { NodeStart } from "../start-line.ts";
import { readPackage } from "../workspace.ts";
import type { BuildWarning } from "./builder.ts";

const CODE = /\.([cm]?[jt]sx?|json)$|[\\/][^.]+$/;
/** A folder that takes longer is not looked through. */
const LOOK_MS = 10_000;

export interface FolderLook {
  readonly warnings: readonly BuildWarning[];
  /** Files of the app that its start leads to, absolute. */
  readonly files: readonly string[];
}

type Look = BuildContext<BuildOptions & { readonly metafile: true }>;

const NOTHING: FolderLook = { warnings: [], files: [] };

/**
 * Packages that the program of a folder imports, and that Node would find outside of it alone, or nowhere. Nothing is run: the
 * imports are followed through the folder's own files.
 */
export async function packagesOutside(folder: string): Promise<FolderLook> {
  const artifact = await realpath(folder);
  const entries = await entriesOf(artifact);
  if (entries.length === 0) return NOTHING;
  const missing = new Map<string, string>();
  const look = await lookThrough({
    absWorkingDir: artifact,
    entryPoints: entries,
    outdir: join(artifact, "none"),
    write: false,
    bundle: true,
    metafile: true,
    platform: "node",
    format: "esm",
    logLevel: "silent",
    loader: { ".js": "jsx", "": "jsx" },
    plugins: [namesAlone(artifact, missing)],
  });
  if (look === undefined) return NOTHING;
  const timer = setTimeout(() => void look.cancel(), LOOK_MS);
  try {
    // What it cannot resolve or read is not for us to say: Node will, and the release fails at its start.
    const { metafile } = await look.rebuild().catch(() => ({ metafile: undefined }));
    const files = Object.keys(metafile?.inputs ?? {}).map((path) => join(folder, path));
    return { warnings: missing.size === 0 ? [] : [warningOf(artifact, missing)], files };
  } finally {
    clearTimeout(timer);
    await look.dispose();
  }
}

/** The build succeeded; that nobody can look at it, where esbuild is another system's, say, undoes nothing. */
async function lookThrough(options: BuildOptions & { readonly metafile: true }): Promise<Look | undefined> {
  try {
    const { context } = await import("esbuild");
    return await context(options);
  } catch {
    return undefined;
  }
}

function warningOf(artifact: string, missing: ReadonlyMap<string, string>): BuildWarning {
  const names = [...missing].map(([name, importer]) => `${name} (${relative(artifact, importer)})`);
  return {
    message: `packages that are imported, and that the release does not hold: ${names.join(", ")}; it starts only where a node_modules above it has them`,
    hint: '"install": true in build puts the production packages of package.json into it.',
  };
}

async function entriesOf(artifact: string): Promise<string[]> {
  const entry = await entryPoint(artifact).catch(() => undefined); // Said elsewhere.
  if (entry === undefined || !NODE_PROGRAM.test(entry)) return [];
  const start = join(artifact, "_start.json");
  if (!existsSync(start)) return [entry];
  const { folder, file } = JSON.parse(readFileSync(start, "utf8")) as NodeStart & { readonly folder: string };
  const path = join(artifact, folder, file);
  return path.includes(`${sep}node_modules${sep}`) ? [] : [path];
}

/** Follows paths, and no package: those come whole, with what they need. */
function namesAlone(artifact: string, missing: Map<string, string>): Plugin {
  return {
    name: "names-alone",
    setup: (build) => {
      build.onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
        if (kind === "entry-point") return undefined;
        const name = packageOf(path);
        if (name === undefined)
          return isInside(artifact, join(dirname(importer), path)) ? undefined : { path, external: true };
        if (!isBuiltin(path) && !isFound(name, importer, artifact) && !mayBeMissing(name, importer))
          missing.set(name, missing.get(name) ?? importer);
        return { path, external: true };
      });
      build.onLoad({ filter: /.*/ }, ({ path }) =>
        CODE.test(path) ? undefined : { contents: "", loader: "empty" as const },
      );
    },
  };
}

function packageOf(path: string): string | undefined {
  if (/^(\.{0,2}[\\/]|\.{1,2}$|[a-z]:[\\/])/i.test(path)) return undefined;
  return path
    .split("/")
    .slice(0, path.startsWith("@") ? 2 : 1)
    .join("/");
}

function isFound(name: string, importer: string, artifact: string): boolean {
  if (name.startsWith("#") || name.includes(":")) return true; // An import map of package.json, or a URL.
  for (let folder = dirname(importer); isInside(artifact, folder); folder = dirname(folder)) {
    if (existsSync(join(folder, "node_modules", name)) || readPackage(folder)?.name === name) return true;
  }
  return false;
}

/** Who tries it goes without where it is not there. */
function mayBeMissing(name: string, importer: string): boolean {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const text = readFileSync(importer, "utf8");
  return new RegExp(
    `\\btry\\s*\\{[^}]*["']${escaped}(/[^"']*)?["']|import\\(\\s*["']${escaped}["']\\s*\\)\\s*\\.catch`,
  ).test(text);
}
