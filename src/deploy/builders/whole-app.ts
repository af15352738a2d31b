import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { CONFIG_FILE } from "../../config/load.ts";
import { InplaceError } from "../../errors.ts";
import { DEPLOY_FOLDER, OWN_FOLDER, POINTER_FILE, TARGET_FOLDER } from "../../site/layout.ts";
import { isWebConfig } from "../../site/windows-names.ts";
import { gitIn } from "../git/git.ts";
import { openRepository } from "../git/repository.ts";

/** Of the site, not of the app; at the top only. */
const OF_THE_SITE: ReadonlySet<string> = new Set([
  OWN_FOLDER,
  DEPLOY_FOLDER,
  TARGET_FOLDER,
  POINTER_FILE,
  CONFIG_FILE,
  ".deployment",
  "deploy.sh",
  "launch.cmd",
  "launch.sh",
]);
/** Wherever it lies: packages come in a way of their own, and the rest is of no use to an app that runs. */
const NEVER = /(^|\/)(node_modules|\.git|\.DS_Store|\.next\/(cache|dev))$/;
/** Of what git ignores, this is no build's output. Secrets are for the site, not for its releases. */
const NO_OUTPUT =
  /(^|\/)(\.env(\..*)?|\.cache|\.turbo|\.nx|\.idea|\.vscode|\.venv|venv|__pycache__|coverage|te?mp|logs?|uploads|.*\.(log|tsbuildinfo|sqlite3?|db|before-inplace))$/;

/**
 * The files of an app, relative with "/", in order: what git would commit and, where a build ran, what it ignores, packages,
 * secrets and logs apart. Without git all but packages. Throws LINK_OUTSIDE for a link that leads out.
 */
export async function filesOfApp(folder: string, built: boolean): Promise<string[]> {
  const left = await ignored(folder, built);
  const top = await realpath(folder);
  const leaves = (path: string): boolean =>
    NEVER.test(path) || OF_THE_SITE.has(path) || isWebConfig(path) || left.has(path);
  return walk(top, "", leaves);
}

/** Paths that git ignores and that stay out, relative to the folder. */
async function ignored(folder: string, built: boolean): Promise<ReadonlySet<string>> {
  if ((await openRepository(folder)) === undefined) return new Set();
  const which = ["--others", "--ignored", "--exclude-standard", "--directory"];
  const list = await gitIn(folder)("ls-files", ...which, "-z");
  const paths = list.split("\0").map((path) => path.replace(/\/$/, ""));
  return new Set(paths.filter((path) => path !== "" && (!built || NO_OUTPUT.test(path))));
}

async function walk(top: string, prefix: string, leaves: (path: string) => boolean): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(join(top, prefix), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (leaves(path)) continue;
    const kind = await kindOf(top, path, entry);
    if (kind === "folder") found.push(...(await walk(top, path, leaves)));
    else if (kind === "file") found.push(path);
  }
  return found;
}

async function kindOf(top: string, path: string, entry: Dirent): Promise<"file" | "folder" | "other"> {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  if (!entry.isSymbolicLink()) return "other";
  const full = join(top, path);
  const real = await realpath(full);
  // A link to a folder above itself would be followed without end.
  if (!real.startsWith(top + sep) || full.startsWith(real + sep)) {
    throw new InplaceError("LINK_OUTSIDE", `${full} is a link to ${real}, outside of what is copied.`);
  }
  return (await stat(full)).isDirectory() ? "folder" : "file";
}
