import { existsSync } from "node:fs";
import { copyFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DirectoryBuild } from "../../config/config.ts";
import { InplaceError } from "../../errors.ts";
import { copyTree, insideSource } from "../copy-tree.ts";
import { runCommand } from "../run-command.ts";
import { expectSuccess, type Built, type BuildRequest } from "./builder.ts";
import { runBuildCommand } from "./command.ts";

/** The one line in it names what is started, relative to the artifact. */
const ENTRY_POINT_FILE = "_entry.txt";
const NPM_LOCKS = ["package-lock.json", "npm-shrinkwrap.json"] as const;
const OTHER_LOCKS = ["pnpm-lock.yaml", "yarn.lock", "bun.lock"] as const;

/** A folder that a build step filled becomes the artifact, with its production packages. */
export async function buildDirectory(config: DirectoryBuild, request: BuildRequest): Promise<Built> {
  const path = join(request.output, request.name);
  if (config.command !== undefined || config.shell !== undefined)
    await runBuildCommand(config, request, path);
  await copyTree(
    await insideSource(request.source, config.directory, "build.directory"),
    path,
    request.signal,
  );
  if (config.entryPoint !== undefined) {
    await insideSource(path, config.entryPoint, "build.entryPoint");
    await writeFile(join(path, ENTRY_POINT_FILE), `${config.entryPoint}\n`);
  }
  if (await needsPackages(config, request, path)) await installPackages(request, path);
  return { path, extension: "", builder: `directory: ${config.directory}` };
}

async function needsPackages(config: DirectoryBuild, request: BuildRequest, path: string): Promise<boolean> {
  if (config.install === false) return false;
  const has = (name: string): boolean => existsSync(join(path, name));
  if (config.install === true && !NPM_LOCKS.some(has)) await copyLock(request.source, path);
  if (NPM_LOCKS.some(has)) return config.install === true || !has("node_modules");
  const other = OTHER_LOCKS.find(has);
  if (has("node_modules") || (other === undefined && config.install !== true)) return false;
  throw new InplaceError(
    "LOCKFILE_UNSUPPORTED",
    other === undefined
      ? `build.install is set, but neither ${config.directory} nor the source has a package-lock.json.`
      : `${config.directory} has a ${other}; inplace installs from npm's package-lock.json only.`,
  );
}

async function copyLock(source: string, path: string): Promise<void> {
  const lock = NPM_LOCKS.find((name) => existsSync(join(source, name)));
  if (lock === undefined) return;
  await copyFile(join(source, lock), join(path, lock));
  if (!existsSync(join(path, "package.json")))
    await copyFile(join(source, "package.json"), join(path, "package.json"));
}

async function installPackages(request: BuildRequest, path: string): Promise<void> {
  const args = ["ci", "--omit=dev", "--install-links", "--no-audit", "--no-fund"];
  const { env, signal, limitMs, onLine } = request;
  const end = await runCommand(npmCall(env, args), { cwd: path, env, signal, limitMs, onLine });
  expectSuccess("npm ci --omit=dev", end, limitMs);
  await removeBinLinks(join(path, "node_modules"));
}

/** npm through this Node: on Windows npm is a batch file, which would need a shell. */
export function npmCall(env: NodeJS.ProcessEnv, args: readonly string[]) {
  const folder = dirname(process.execPath);
  const places = [
    env["NPM_JS_PATH"],
    env["npm_execpath"],
    join(folder, "node_modules", "npm", "bin", "npm-cli.js"),
    join(folder, "..", "lib", "node_modules", "npm", "bin", "npm-cli.js"),
  ];
  const cli = places.find((place) => place?.endsWith("npm-cli.js") === true && existsSync(place));
  return cli === undefined
    ? ({ kind: "argv", file: "npm", args } as const)
    : ({ kind: "argv", file: process.execPath, args: [cli, ...args] } as const);
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
