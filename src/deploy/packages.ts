import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { isInside } from "../paths.ts";
import { readOptional } from "../site/present.ts";
import { removeTree } from "../site/remove-tree.ts";
import { installPackages, packageManagerOf } from "./package-manager.ts";
import type { RunOptions } from "./run-command.ts";
import { readPackage, workspaceMembers, workspaceRoot } from "./workspace.ts";

const MODULES = "node_modules";
/** Beside the packages, as deploy.sh has it: which manager installed them, for which lock file. */
const INSTALLED = join(MODULES, ".inplace-installed");

/** A folder that is built, and the top of the working tree that it lies in. */
export interface Place {
  readonly top: string;
  readonly folder: string;
}

export interface InstallOptions extends Omit<RunOptions, "cwd"> {
  /** Called before something is installed. */
  readonly onStart: () => void;
}

/** For a tree that somebody works in: installs where there are no packages at all. */
export async function installOnce(place: Place, options: InstallOptions): Promise<void> {
  const root = await packageRoot(place);
  if ([root, place.folder].some((folder) => existsSync(join(folder, MODULES)))) return;
  await install(root, options);
}

/** For a tree of our own that is kept: installs where the lock file has changed since, or an installation was not finished. */
export async function installWhenChanged(place: Place, options: InstallOptions): Promise<void> {
  const root = await packageRoot(place);
  const { manager } = packageManagerOf(root);
  const wanted = `${manager} ${createHash("sha256")
    .update(await whatIsLocked(root))
    .digest("hex")}\n`;
  const found = (await readOptional(join(root, INSTALLED))) ?? "";
  if (found === wanted || !(await asksForPackages(root))) return;
  // One manager's packages are in another's way, which would have to ask.
  if (!found.startsWith(`${manager} `)) await removeTree(join(root, MODULES));
  await removeTree(join(root, INSTALLED));
  await install(root, options);
  await mkdir(join(root, MODULES), { recursive: true });
  await writeFile(join(root, INSTALLED), wanted);
}

/**
 * For a tree of one deploy: the packages of the author's tree where both lock the same, by a link, which saves the minute
 * that an installation takes.
 */
export async function providePackages(place: Place, author: Place, options: InstallOptions): Promise<void> {
  const root = await packageRoot(place);
  const from = join(author.top, relative(place.top, root));
  if (await maySharePackages(root, from)) {
    return symlink(join(from, MODULES), join(root, MODULES), "junction");
  }
  await install(root, options);
}

async function install(root: string, options: InstallOptions): Promise<void> {
  if (!(await asksForPackages(root))) return;
  options.onStart();
  await installPackages(root, options);
}

/** Where the packages of a folder are installed: where its package.json lies beside a lock file, else for the workspace. */
async function packageRoot({ top, folder }: Place): Promise<string> {
  let own = folder;
  while (!existsSync(join(own, "package.json")) && own !== top && dirname(own) !== own) own = dirname(own);
  if (!existsSync(join(own, "package.json"))) return folder;
  if (packageManagerOf(own).lock !== undefined) return own;
  const workspace = await workspaceRoot(own);
  return isInside(top, workspace) ? workspace : own;
}

async function asksForPackages(root: string): Promise<boolean> {
  const manifest = readPackage(root);
  if (manifest === undefined) return false;
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  const named = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies });
  return (
    named.length > 0 || packageManagerOf(root).lock !== undefined || (await workspaceMembers(root)).length > 0
  );
}

/** The lock file; without one what package.json asks for. */
async function whatIsLocked(root: string): Promise<Buffer> {
  return readFile(join(root, packageManagerOf(root).lock ?? "package.json")).catch(() => Buffer.alloc(0));
}

async function maySharePackages(root: string, from: string): Promise<boolean> {
  if (!existsSync(join(from, MODULES)) || existsSync(join(root, MODULES))) return false;
  if (packageManagerOf(root).lock !== packageManagerOf(from).lock) return false;
  if (!(await whatIsLocked(root)).equals(await whatIsLocked(from))) return false;
  // A link to a member of the workspace, or to a folder beside the app, leads to the author's files, and not to the commit's.
  return (
    (await workspaceMembers(root)).length === 0 && !(await leadsOut(await realpath(join(from, MODULES))))
  );
}

/** Whether a package is a link to a folder elsewhere. */
async function leadsOut(modules: string): Promise<boolean> {
  const scopes = (await readdir(modules)).filter((name) => name.startsWith("@"));
  for (const folder of [modules, ...scopes.map((scope) => join(modules, scope))]) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isSymbolicLink()) continue;
      const target = await realpath(join(folder, entry.name)).catch(() => undefined); // It leads nowhere.
      if (target !== undefined && !isInside(modules, target)) return true;
    }
  }
  return false;
}
