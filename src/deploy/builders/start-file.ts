import { existsSync, readFileSync } from "node:fs";
import { chmod, copyFile, readdir, realpath, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { packageFile } from "../../package-files.ts";
import { ENTRY_FILE } from "../../site/entry-point.ts";
import { InplaceError } from "../../errors.ts";
import { isInside } from "../../paths.ts";
import { isFile, isOnPath } from "../../process/program.ts";
import { parseNodeArguments, parseStart, type NodeStart, type StartLine } from "../start-line.ts";
import { readPackage } from "../workspace.ts";
import type { BuildWarning } from "./builder.ts";
import { isPath, startable } from "./start-program.ts";

const SCRIPT = /\.[cm]?[jt]sx?$/;

/** Where a start line is to hold. */
export interface StartPlace {
  readonly artifact: string;
  /** The app's folder, relative to the artifact. */
  readonly below: string;
  /** Where its packages are installed. */
  readonly source: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onWarning: (warning: BuildWarning) => void;
}

/**
 * Writes into an artifact what starts it as the line does in the app's folder, and names it as its entry point. Node
 * programs, those of packages too, start in the process that launchers start, with the runtime; others by the system's
 * shell. Warns of a program that is not on this machine. Throws CONFIG_INVALID for a line that takes a shell, or names what
 * is not there or cannot be started.
 */
export async function writeStart(line: string, place: StartPlace): Promise<void> {
  const { artifact, below } = place;
  const folder = join(artifact, below);
  const start = parseStart(line);
  if (start === undefined)
    throw new InplaceError(
      "CONFIG_INVALID",
      `build.start: ${JSON.stringify(line)} is no program with arguments.`,
      {
        hint: "NAME=value … program arguments; put whatever takes a shell into a file of its own.",
      },
    );
  const file = await fileOfProgram(start.program, place);
  const node = nodeStart(start, file, folder);
  if (node === undefined)
    // An artifact has no links to the commands of packages, so no PATH leads to them.
    return writeScript(await startable(start, file, { ...place, folder }), artifact, below);
  await copyFile(packageFile("templates/start.cjs"), join(artifact, "_start.cjs"));
  const manifest = readPackage(folder);
  const parts = {
    folder: below.split(sep).join("/"),
    env: start.env,
    // As npm start sets them, whoever started this.
    package: {
      ...(manifest?.name !== undefined && { npm_package_name: manifest.name }),
      ...(manifest?.version !== undefined && { npm_package_version: manifest.version }),
    },
    ...node,
    envFiles: node.envFiles.length === 0 && readsEnvFile(artifact, below) ? [".env"] : node.envFiles,
  };
  await writeFile(join(artifact, "_start.json"), `${JSON.stringify(parts, null, 2)}\n`);
  await writeFile(join(artifact, ENTRY_FILE), "_start.cjs\n");
}

/** Files for visitors, which lie in public/, get a server of their own. */
export async function writeStaticServer(kind: "pages" | "app", artifact: string): Promise<void> {
  await copyFile(packageFile("templates/static-server.mjs"), join(artifact, "_server.mjs"));
  await writeFile(join(artifact, "_static.json"), `${JSON.stringify({ kind })}\n`);
  await writeFile(join(artifact, ENTRY_FILE), "_server.mjs\n");
}

/** The file in the artifact that a program's name stands for, relative to the app's folder; undefined for one of the system. */
async function fileOfProgram(
  program: string,
  { artifact, below, source, env }: StartPlace,
): Promise<string | undefined> {
  const folder = join(artifact, below);
  if (program === "node") return undefined;
  if (isPath(program)) return mainFile(folder, program);
  const command =
    (await linkedCommand(program, artifact, below, source)) ??
    (await commandOfPackage(program, artifact, below));
  if (command !== undefined || isOnPath(program, env)) return command;
  return isFile(join(folder, program)) ? program : undefined;
}

function nodeStart(
  { env, program, args }: StartLine,
  file: string | undefined,
  folder: string,
): NodeStart | undefined {
  if (program === "node") {
    const parsed = parseNodeArguments(args, env["NODE_OPTIONS"]);
    const main = parsed && mainFile(folder, parsed.file);
    if (parsed !== undefined && main !== undefined) return { ...parsed, file: main };
    throw new InplaceError(
      "CONFIG_INVALID",
      `build.start: there is no ${parsed?.file ?? "file to start"} in the artifact.`,
      {
        hint: "Name a file that the build makes, or that git does not ignore.",
      },
    );
  }
  if (file === undefined || !isNodeFile(join(folder, file))) return undefined;
  return parseNodeArguments([file, ...args], env["NODE_OPTIONS"]);
}

/** As require finds it: dist/main is dist/main.js, and build is build/index.js. Backslashes count as on Windows. */
function mainFile(folder: string, file: string): string | undefined {
  const names = [file, file.replaceAll("\\", "/")].map((name) => name.replace(/\/$/, ""));
  const ends = ["", ".js", ".mjs", ".cjs", ".json", "/index.js", "/index.mjs", "/index.cjs"];
  const candidates = names.flatMap((name) => ends.map((end) => name + end));
  return candidates.find((candidate) => isFile(join(folder, candidate)));
}

function isNodeFile(path: string): boolean {
  return SCRIPT.test(path) || /^#!.*\bnode\b/.test(readFileSync(path, "utf8").slice(0, 200));
}

/**
 * What npm start would run: the link that npm made leads elsewhere than the manifest says where an install script put a
 * program in the place of its wrapper. Where there are no links, on Windows and with pnpm, undefined.
 */
async function linkedCommand(
  command: string,
  artifact: string,
  below: string,
  source: string,
): Promise<string | undefined> {
  for (const folder of new Set([below, ""])) {
    const modules = join(source, folder, "node_modules");
    const found = await realpath(join(modules, ".bin", command)).catch(() => undefined);
    if (found === undefined) continue;
    const copy = join(artifact, folder, "node_modules", relative(await realpath(modules), found));
    if (existsSync(copy) && isInside(artifact, copy))
      return relative(join(artifact, below), copy).split(sep).join("/");
  }
  return undefined;
}

/** The file behind a command of an installed package, relative to the folder with "/". */
async function commandOfPackage(
  command: string,
  artifact: string,
  below: string,
): Promise<string | undefined> {
  const folder = join(artifact, below);
  for (const modules of new Set([join(folder, "node_modules"), join(artifact, "node_modules")])) {
    for (const name of [command, ...(await packagesIn(modules))]) {
      const manifest = readPackage(join(modules, name));
      const bin = manifest?.bin;
      const path =
        typeof bin === "string" ? (name.split("/").at(-1) === command ? bin : undefined) : bin?.[command];
      if (path !== undefined && existsSync(join(modules, name, path)))
        return relative(folder, join(modules, name, path))
          .split(sep)
          .join("/");
    }
  }
  return undefined;
}

async function packagesIn(modules: string): Promise<string[]> {
  const names = await readdir(modules).catch(() => []);
  const scoped = names
    .filter((name) => name.startsWith("@"))
    .map(async (scope) => (await readdir(join(modules, scope))).map((name) => `${scope}/${name}`));
  return [...names.filter((name) => !/^[.@]/.test(name)), ...(await Promise.all(scoped)).flat()];
}

/** Whether a package in it takes variables from a file .env. */
function readsEnvFile(artifact: string, below: string): boolean {
  return ["dotenv", "dotenv-flow", "@next/env", "@adonisjs/env"].some((name) =>
    [artifact, join(artifact, below)].some((folder) => existsSync(join(folder, "node_modules", name))),
  );
}

/** For the system that builds: an artifact with programs of another system would not run there anyway. */
async function writeScript(
  { env, program, args }: StartLine,
  artifact: string,
  below: string,
): Promise<void> {
  const folder = below.split(sep).join("/");
  const onWindows = process.platform === "win32";
  const name = onWindows ? "_start.cmd" : "_start.sh";
  const lines = onWindows
    ? [
        "@echo off",
        `cd /d "%~dp0${folder.replaceAll("/", "\\")}"`,
        ...Object.entries(env).map(([key, value]) => `set "${key}=${forCmd(value)}"`),
        [program, ...args].map((word) => `"${forCmd(word)}"`).join(" "),
      ]
    : [
        "#!/bin/sh",
        `cd "$(dirname "$0")/${folder}" || exit 1`,
        ...Object.entries(env).map(([key, value]) => `export ${key}=${forShell(value)}`),
        `exec ${[program, ...args].map(forShell).join(" ")} "$@"`,
      ];
  const end = onWindows ? "\r\n" : "\n";
  await writeFile(join(artifact, name), lines.join(end) + end);
  await chmod(join(artifact, name), 0o755);
  await writeFile(join(artifact, ENTRY_FILE), `${name}\n`);
}

/** In double quotes, with variables in it filled. */
function forShell(word: string): string {
  return `"${word.replace(/[\\"`]/g, "\\$&").replace(/%(\w+)%/g, "$${$1}")}"`;
}

function forCmd(word: string): string {
  return word
    .replaceAll('"', '""')
    .replace(/\$\{(\w+)(?::?-[^}]*)?\}|\$(\w+)/g, (_, braced, plain) => `%${braced ?? plain}%`);
}
