import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { gitIn, type Git, type GitOptions } from "./git.ts";
import type { Repository } from "./repository.ts";

/** A network that gives no sign of life for so long is taken for dead; progress is asked for, so that one that works gives some. */
const SILENCE_MS = 5 * 60_000;

/** A working tree of our own whose submodules are wanted. */
export interface Superproject {
  readonly path: string;
  readonly git: (options?: GitOptions) => Git;
  readonly signal: AbortSignal;
}

interface Submodule {
  readonly name: string;
  readonly path: string;
  readonly url: string;
}

/**
 * Fetches and shows the submodules as the commit has them, from the addresses that it gives: those that an earlier commit
 * gave, and the repository's own settings, stay out of it. `address` is where the superproject comes from. Throws GIT_FAILED.
 */
export async function updateSubmodules(tree: Superproject, address: () => Promise<string>): Promise<void> {
  if (!existsSync(join(tree.path, ".gitmodules"))) return;
  const named = await listed(tree.git());
  if (named.length === 0) return;
  const base = await address();
  const found = named.map((one) => ({ ...one, url: absoluteAddress(base, one.url) }));
  for (const one of found) await correctAddress(tree, one);
  const settings = Object.fromEntries(
    found.flatMap(({ name, url }) => [
      [`submodule.${name}.url`, url],
      [`submodule.${name}.active`, "true"],
    ]),
  );
  const git = tree.git({ settings, silenceMs: SILENCE_MS });
  const paths = found.map(({ path }) => path);
  await git(
    "--literal-pathspecs",
    "submodule",
    "update",
    "--init",
    "--checkout",
    "--force",
    "--progress",
    "--",
    ...paths,
  );
  for (const { path, url } of found) {
    const below = join(tree.path, path);
    const inside = (options: GitOptions = {}): Git => gitIn(below, { ...options, signal: tree.signal });
    await updateSubmodules({ path: below, git: inside, signal: tree.signal }, async () => url);
  }
}

/** Where the repository comes from: what relative addresses of its submodules are relative to, by git's own rule. */
export async function addressOf({ git, top }: Repository): Promise<string> {
  const setting = async (name: string): Promise<string> =>
    (await git("config", "--get", name).catch(() => "")).trim();
  const branch = (await git("symbolic-ref", "--quiet", "--short", "HEAD").catch(() => "")).trim();
  const remote = (await setting(`branch.${branch}.remote`)) || "origin";
  const url = (await setting(`remote.${remote}.url`)) || (await setting("remote.origin.url"));
  if (url === "") return top;
  return isLocal(url) ? resolve(top, url) : url;
}

/** What an address in .gitmodules means in a repository that comes from `base`. */
export function absoluteAddress(base: string, url: string): string {
  if (!/^\.\.?(\/|$)/.test(url)) return url;
  let from = base.replaceAll("\\", "/").replace(/\/+$/, "");
  let rest = url;
  let separator = "/";
  for (let step = /^\.\.?(\/|$)/.exec(rest); step !== null; step = /^\.\.?(\/|$)/.exec(rest)) {
    rest = rest.slice(step[0].length);
    if (!step[0].startsWith("..")) continue;
    // host:path, as scp has it, has its host before the first slash.
    const end = from.includes("/") ? from.lastIndexOf("/") : from.lastIndexOf(":");
    separator = from.includes("/") ? "/" : ":";
    from = from.slice(0, Math.max(end, 0));
  }
  return `${from}${separator}${rest}`.replace(/\/+$/, "");
}

function isLocal(url: string): boolean {
  return !/^[a-z][a-z0-9+.-]+::?/i.test(url) && !/^[^/]+:/.test(url);
}

/** Of those that .gitmodules names, the ones that the commit has, and that its author does not keep out. An address is no option. */
async function listed(git: Git): Promise<Submodule[]> {
  const entries = await git("config", "--file", ".gitmodules", "-z", "--get-regexp", "^submodule\\.");
  const values = new Map<string, Map<string, string>>();
  for (const entry of entries.split("\0")) {
    const [, name, key, value = ""] = /^submodule\.([^]+)\.(path|url|update)\n([^]*)$/.exec(entry) ?? [];
    if (name === undefined || key === undefined) continue;
    values.set(name, (values.get(name) ?? new Map<string, string>()).set(key, value));
  }
  const links = (await git("ls-files", "--stage", "-z"))
    .split("\0")
    .filter((line) => line.startsWith("160000"));
  const linked = new Set(links.map((line) => line.slice(line.indexOf("\t") + 1)));
  return [...values].flatMap(([name, keys]) => {
    const [path = "", url = ""] = [keys.get("path"), keys.get("url")];
    return linked.has(path) && /^[^-]/.test(url) && keys.get("update") !== "none"
      ? [{ name, path, url }]
      : [];
  });
}

/** One that was fetched before is asked for news where it came from then. */
async function correctAddress(tree: Superproject, { name, url }: Submodule): Promise<void> {
  const place = (await tree.git()("rev-parse", "--git-path", `modules/${name}`)).trim();
  const gitDir = resolve(tree.path, place);
  if (name.split("/").includes("..") || !existsSync(join(gitDir, "HEAD"))) return;
  await gitIn(tree.path, { gitDir, signal: tree.signal })("config", "remote.origin.url", url);
}
