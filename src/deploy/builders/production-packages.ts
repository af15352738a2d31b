import { existsSync } from "node:fs";
import { mkdir, readdir, realpath } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { copyFiles } from "../copy-tree.ts";
import { buildFailed } from "./builder.ts";
import { readPackage, workspaceMembers, type PackageManifest } from "../workspace.ts";

/** "all": with those for development, where the app is started by one of them. */
export type WhichPackages = "production" | "all";

export interface PackagesRequest {
  /** The app as it is installed: its folder, and the workspace that it is a member of, or itself. */
  readonly app: string;
  readonly root: string;
  /** The copy of the root; packages go into its node_modules folders. */
  readonly to: string;
  readonly which: WhichPackages;
  readonly signal: AbortSignal;
}

/**
 * Copies what the app needs of the packages that are installed in its source: those that its package.json names, and what
 * they need in turn. They come to lie as npm lays them, whichever program installed them, without a link. Nothing is
 * fetched and no script runs: what was built, generated or patched in place stays so. Throws BUILD_FAILED
 * for packages that the app names and that are not there.
 */
export async function copyPackages(request: PackagesRequest): Promise<void> {
  const { app, root, to } = request;
  const missing: string[] = [];
  // A clean checkout may share the packages of another one, where the members' links lead to.
  const members = await membersByName(root);
  const placed = new Map<string, string>();
  const waiting = [...new Set([app, root])].map((folder) => ({
    from: folder,
    at: join(to, relative(root, folder)),
    named: namesOf(readPackage(folder), request.which),
  }));
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { from, at, named } = next;
    for (const { name, optional } of named) {
      const found = members.get(name) ?? (await find(name, from));
      if (found === undefined) {
        // What a package names in vain has not been missed so far.
        if (!optional && (from === app || from === root)) missing.push(name);
        continue;
      }
      const place = placeFor(name, found, at, to, placed);
      if (place === undefined) continue;
      placed.set(place, found);
      const manifest = readPackage(found);
      const bundled = (manifest?.bundleDependencies ?? manifest?.bundledDependencies) !== undefined;
      await copyPackage(found, place, bundled, request.signal);
      if (!bundled) waiting.push({ from: found, at: place, named: namesOf(manifest, "production") });
    }
  }
  if (missing.length > 0)
    throw buildFailed(`Packages of ${app} are not installed: ${missing.join(", ")}`, []);
  await copyGenerated(root, to, request.signal);
}

interface Named {
  readonly name: string;
  readonly optional: boolean;
}

function namesOf(manifest: PackageManifest | undefined, which: WhichPackages): Named[] {
  const optional = new Set(Object.keys(manifest?.optionalDependencies ?? {}));
  const isOptionalPeer = (name: string): boolean => manifest?.peerDependenciesMeta?.[name]?.optional === true;
  const names = new Set([
    ...Object.keys(manifest?.dependencies ?? {}),
    ...(which === "all" ? Object.keys(manifest?.devDependencies ?? {}) : []),
    ...optional,
    ...Object.keys(manifest?.peerDependencies ?? {}).filter((name) => !isOptionalPeer(name)),
  ]);
  const peers = manifest?.peerDependencies ?? {};
  return [...names].map((name) => ({ name, optional: optional.has(name) || name in peers }));
}

async function membersByName(root: string): Promise<ReadonlyMap<string, string>> {
  const folders = (await workspaceMembers(root)).map((member) => join(root, member));
  return new Map(folders.map((folder) => [readPackage(folder)?.name ?? "", folder]));
}

/** The package as Node finds it from a folder: in the nearest node_modules upwards. */
async function find(name: string, from: string): Promise<string | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (basename(folder) !== "node_modules" && existsSync(join(candidate, "package.json")))
      return realpath(candidate);
    if (dirname(folder) === folder) return undefined;
  }
}

/**
 * Where it has to lie so that what is at `at` finds it: at the top, or inside where another of its name is in the way.
 * undefined: what is found there already is the same.
 */
function placeFor(
  name: string,
  found: string,
  at: string,
  top: string,
  placed: ReadonlyMap<string, string>,
): string | undefined {
  for (let folder = at; ; folder = dirname(folder)) {
    const there = placed.get(join(folder, "node_modules", name));
    if (there === found) return undefined;
    if (there !== undefined) return join(at, "node_modules", name);
    if (folder === top) return join(top, "node_modules", name);
  }
}

async function copyPackage(from: string, to: string, whole: boolean, signal: AbortSignal): Promise<void> {
  const files = await filesOfPackage(from, "", whole);
  await mkdir(to, { recursive: true });
  await copyFiles(from, files, to, signal);
}

/** Not the packages inside: each has a place of its own. A link to a file is followed, one to a folder is left out. */
async function filesOfPackage(from: string, prefix: string, whole: boolean): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(join(from, prefix), { withFileTypes: true })) {
    const { name } = entry;
    if ((name === "node_modules" && !whole) || name === ".git" || name === ".bin") continue;
    const path = prefix === "" ? name : `${prefix}/${name}`;
    if (entry.isDirectory()) files.push(...(await filesOfPackage(from, path, whole)));
    else if (entry.isFile()) files.push(path);
  }
  return files;
}

// https://www.prisma.io/docs: the client is generated beside the packages, outside of any.
async function copyGenerated(root: string, to: string, signal: AbortSignal): Promise<void> {
  const client = await find("@prisma/client", root);
  for (const modules of new Set([
    join(root, "node_modules"),
    ...(client === undefined ? [] : [dirname(dirname(client))]),
  ])) {
    const folder = join(modules, ".prisma");
    if (existsSync(folder)) await copyPackage(folder, join(to, "node_modules", ".prisma"), true, signal);
  }
}
