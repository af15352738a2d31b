import { existsSync } from "node:fs";
import { lstat, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import type { DirectoryBuild } from "../../config/config.ts";
import { InplaceError } from "../../errors.ts";
import { ENTRY_FILE } from "../../site/entry-point.ts";
import { copyFiles, copyTree, insideSource } from "../copy-tree.ts";
import { npmCall, packageManagerOf } from "../package-manager.ts";
import { runCommand } from "../run-command.ts";
import { workspaceRoot } from "../workspace.ts";
import { expectSuccess, type Built, type BuildRequest } from "./builder.ts";
import { runBuildCommand } from "./command.ts";
import { filesLeftBehind } from "./files-beside.ts";
import { packagesOutside } from "./packages-outside.ts";
import { copyPackages } from "./production-packages.ts";
import { writeStart, writeStaticServer, type StartPlace } from "./start-file.ts";
import { filesOfApp } from "./whole-app.ts";

const BESIDE_HINT =
  'Have the build copy them into build.directory, or deploy the whole app: "directory": "." with "start".';
const NPM_LOCKS = ["package-lock.json", "npm-shrinkwrap.json"] as const;

/** A folder becomes the artifact: the whole app, or what a build step filled; with its production packages. */
export async function buildDirectory(config: DirectoryBuild, request: BuildRequest): Promise<Built> {
  const path = join(request.output, request.name);
  const from = resolve(request.source, config.directory);
  const isSource = from === resolve(request.source);
  const workspace = await workspaceRoot(from);
  const isWholeApp = config.static === undefined && (isSource || workspace === resolve(request.source));
  // A member of a workspace needs what lies beside it, and lies in its artifact as it does in the workspace.
  const root = isWholeApp ? workspace : from;
  const hasCommand = config.command !== undefined || config.shell !== undefined;
  const startedAt = Date.now();
  if (hasCommand) await runBuildCommand(config, request, path);
  const content = config.static === undefined ? path : join(path, "public");
  await mkdir(content, { recursive: true });
  const copied = await copyContent(config, request, isWholeApp || isSource ? root : undefined, content);
  const taken = hasCommand ? await untouchedSince(startedAt, copied) : copied;
  if (isWholeApp && config.install !== false) await copyInstalled(config, request, { app: from, root }, path);
  if (!isWholeApp && (await needsPackages(config, path))) {
    if (NPM_LOCKS.some((name) => existsSync(join(path, name)))) await installLocked(request, path);
    else
      await copyInstalled(
        config,
        request,
        { app: resolve(request.source), root: resolve(request.source) },
        path,
      );
  }
  const source = isWholeApp ? root : resolve(request.source);
  const { env, onWarning } = request;
  await nameEntry(config, { artifact: path, below: relative(root, from), source, env, onWarning });
  if (config.static === undefined) await warnOfGaps(request, path, isWholeApp ? undefined : from);
  return { path, extension: "", builder: `directory: ${config.directory}`, taken };
}

/** The files of the app at `app`, or of the configured folder as it is; gives them, absolute. */
async function copyContent(
  config: DirectoryBuild,
  { source, signal }: BuildRequest,
  app: string | undefined,
  to: string,
): Promise<readonly string[]> {
  if (app === undefined)
    return copyTree(await insideSource(source, config.directory, "build.directory"), to, signal);
  const files = await filesOfApp(app, config.command !== undefined || config.shell !== undefined);
  await copyFiles(app, files, to, signal);
  return files.map((file) => join(app, file));
}

/** File systems stamp with a clock that may be behind by a tick. Milliseconds. */
const CLOCK_TICK_MS = 20;

/** Those that the build's command has not written: they were there before. */
async function untouchedSince(startedAt: number, paths: readonly string[]): Promise<string[]> {
  const stats = await Promise.all(paths.map((path) => lstat(path)));
  return paths.filter((_, at) => {
    const found = stats[at];
    return found !== undefined && Math.max(found.mtimeMs, found.ctimeMs) < startedAt - CLOCK_TICK_MS;
  });
}

/** `from`: the folder that was copied; undefined for the whole app, which lies beside nothing. */
async function warnOfGaps(
  { onWarning }: BuildRequest,
  artifact: string,
  from: string | undefined,
): Promise<void> {
  const { warnings, files } = await packagesOutside(artifact);
  const placed =
    from === undefined
      ? []
      : files.map((file) => ({ path: join(from, relative(artifact, file)), folder: dirname(file) }));
  for (const warning of [...warnings, ...filesLeftBehind(placed, BESIDE_HINT)]) onWarning(warning);
}

async function nameEntry(config: DirectoryBuild, place: StartPlace): Promise<void> {
  const { artifact } = place;
  if (config.static !== undefined) return writeStaticServer(config.static, artifact);
  if (config.start !== undefined) return writeStart(config.start, place);
  if (config.entryPoint === undefined) return;
  await insideSource(artifact, config.entryPoint, "build.entryPoint");
  await writeFile(join(artifact, ENTRY_FILE), `${config.entryPoint}\n`);
}

async function needsPackages(config: DirectoryBuild, path: string): Promise<boolean> {
  if (config.install !== undefined) return config.install !== false;
  const has = (name: string): boolean => existsSync(join(path, name));
  if (has("node_modules")) return false;
  if (NPM_LOCKS.some(has)) return true;
  const { lock } = packageManagerOf(path);
  if (lock === undefined) return false;
  throw new InplaceError(
    "LOCKFILE_UNSUPPORTED",
    `${config.directory} has a ${lock}; inplace installs from npm's package-lock.json only.`,
  );
}

async function copyInstalled(
  config: DirectoryBuild,
  { signal }: BuildRequest,
  installed: { readonly app: string; readonly root: string },
  to: string,
): Promise<void> {
  const which = config.install === "all" ? "all" : "production";
  await copyPackages({ ...installed, to, which, signal });
}

async function installLocked(request: BuildRequest, path: string): Promise<void> {
  const args = ["ci", "--omit=dev", "--install-links", "--no-audit", "--no-fund"];
  const { env, signal, limitMs, onLine } = request;
  const end = await runCommand(npmCall(env, args), { cwd: path, env, signal, limitMs, onLine });
  expectSuccess("npm ci --omit=dev", end, limitMs);
  await removeBinLinks(join(path, "node_modules"));
}

// Artifacts hold no links, and nothing runs a package's command in production.
async function removeBinLinks(folder: string): Promise<void> {
  const entries = existsSync(folder) ? await readdir(folder, { withFileTypes: true }) : [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.name === ".bin") await rm(path, { recursive: true, force: true });
    else if (entry.name.startsWith("@")) await removeBinLinks(path);
    else if (entry.isDirectory()) await removeBinLinks(join(path, "node_modules"));
  }
}
