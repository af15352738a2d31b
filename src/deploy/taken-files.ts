import { lstat, realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { InplaceError } from "../errors.ts";
import { packageFile } from "../package-files.ts";
import { isInside } from "../paths.ts";
import type { BuildWarning } from "./builders/builder.ts";
import type { Repository } from "./git/repository.ts";

export interface TakenFiles {
  readonly repository: Repository;
  /** Files of the source that are part of the artifact, and that no command of its build wrote; absolute. */
  readonly taken: readonly string[];
  /** Whether a command built the artifact. */
  readonly built: boolean;
  readonly onWarning: (warning: BuildWarning) => void;
}

/** What compilers and bundlers write, and its text decides what visitors get. */
const COMPILED = /\.([cm]?jsx?|css|html?|wasm)$/i;
/** Changes of these make no compiled file out of date. */
const NO_SOURCE =
  /(^|\/)(\.|(package|package-lock|npm-shrinkwrap|inplace\.config)\.json$|yarn\.lock$|pnpm-lock\.yaml$|bun\.lockb?$|deploy\.sh$|launch\.(sh|cmd)$|web\.config$)|^[^/]*\.(md|txt)$|^LICENSE/;
/** By a lock file of their own. */
const PACKAGES = /(^|\/)(node_modules|vendor|_packages)\//;
/** What we put into executables ourselves. */
const OWN = packageFile("dist");
const NAMED = 3;

/**
 * A file that git ignores is part of no commit, so nobody can tell that it belongs to the one that names the release.
 * Warns of it. Throws BUILD_STALE for a compiled file that is older than a source file, where no command builds it.
 */
export async function expectOfCommit({ repository, taken, built, onWarning }: TakenFiles): Promise<void> {
  const ignored = await ignoredFiles(repository, taken);
  if (ignored.length === 0) return;
  const newest = await newestSource(repository);
  const times = await Promise.all(ignored.map((path) => lstat(join(repository.top, path))));
  const stale = ignored.filter((_, at) => (times[at]?.mtimeMs ?? 0) < newest.mtimeMs);
  if (!built) {
    const old = stale.filter((path) => COMPILED.test(path));
    if (old.length > 0) throw staleBuild(old, newest.path);
    return onWarning({
      message: `${list(ignored)}: part of the release, and of no commit, since git ignores it`,
      hint: "Let build.command make it, so that it is what the commit says.",
    });
  }
  if (stale.length > 0)
    onWarning({
      message: `${list(stale)}: part of the release, left by an earlier build (git ignores it, and it is older than ${newest.path})`,
      hint: "Let the build empty its output first, or deploy with --commit, which builds in a clean checkout.",
    });
}

/** Warns of files that lie outside of the tree that shows the commit, `top`, and are no packages: no commit holds them. */
export async function expectInside(
  top: string,
  { taken, onWarning }: Pick<TakenFiles, "taken" | "onWarning">,
): Promise<void> {
  const tree = await realpath(top);
  const places = await Promise.all(taken.map((path) => realpath(path).catch(() => tree))); // What a plugin made up.
  const outside = places
    .filter((path) => !isInside(tree, path) && !isInside(OWN, path))
    .map((path) => path.split(sep).join("/"))
    .filter((path) => !path.includes("/node_modules/"));
  if (outside.length === 0) return;
  onWarning({
    message: `${list([...new Set(outside)].sort())}: part of the release, and of no commit, since it lies outside of the repository`,
    hint: "Put it into the repository, or make a package of it that package.json names.",
  });
}

function staleBuild(paths: readonly string[], newer: string): InplaceError {
  return new InplaceError(
    "BUILD_STALE",
    `${list(paths)}: git ignores it, no build.command makes it, and it is older than ${newer}: an earlier build, and not what the commit says.`,
  );
}

/** Of the files those that git ignores, relative to the repository's top with "/". */
async function ignoredFiles(repository: Repository, files: readonly string[]): Promise<string[]> {
  const { top } = repository;
  const inside = files
    .filter((path) => isInside(top, path) && !isInside(OWN, path))
    .map((path) => relative(top, path).split(sep).join("/"))
    .filter((path) => !PACKAGES.test(path));
  if (inside.length === 0) return [];
  const ignored = await repository.ignored();
  const names = new Set(ignored);
  const folders = ignored.filter((path) => path.endsWith("/"));
  return inside.filter((path) => names.has(path) || folders.some((folder) => path.startsWith(folder))).sort();
}

interface SourceFile {
  readonly path: string;
  readonly mtimeMs: number;
}

/** By when it was written last here, as make sees it: a checkout of another commit writes what differs. */
async function newestSource(repository: Repository): Promise<SourceFile> {
  const { top } = repository;
  const tracked = (await repository.git("ls-files", "-z")).split("\0").filter((path) => path !== "");
  let newest: SourceFile = { path: "", mtimeMs: 0 };
  for (const path of tracked.filter((name) => !NO_SOURCE.test(name))) {
    const found = await lstat(join(top, path)).catch(() => undefined); // Deleted, and that is uncommitted.
    if (found?.isFile() === true && found.mtimeMs > newest.mtimeMs) newest = { path, mtimeMs: found.mtimeMs };
  }
  return newest;
}

function list(paths: readonly string[]): string {
  const more = paths.length - NAMED;
  return paths.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
