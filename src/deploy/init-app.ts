import { existsSync } from "node:fs";
import { chmod, copyFile, lstat, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CONFIG_FILE } from "../config/load.ts";
import { systemCode } from "../errors.ts";
import { packageFile } from "../package-files.ts";
import { isWebConfig, spelled, WEB_CONFIG } from "../site/windows-names.ts";
import { untoldFolder } from "./infer/made-folder.ts";
import { proposeBuild } from "./infer/propose.ts";
import type { Proposal } from "./infer/proposal.ts";

const IGNORED = ["node_modules/", "_target/", "_artifact.txt", ".inplace/", ".inplace-deploy/"] as const;

/** A clone on Windows gives all files CRLF, with which no shell starts them. */
const LINE_ENDS = ["deploy.sh text eol=lf", "launch.sh text eol=lf", "launch.cmd text eol=crlf"] as const;

export interface WrittenFile {
  readonly path: string;
  readonly state: "written" | "unchanged" | "kept";
  /** What the file is for, in a line. */
  readonly purpose: string;
}

export interface InitOptions {
  readonly folder: string;
  /** Replace what differs. */
  readonly force: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

export interface InitialisedApp {
  readonly files: readonly WrittenFile[];
  /** What the app's folder suggests; undefined: nothing does, or a configuration was there, and is kept. */
  readonly proposal: Proposal | undefined;
}

const COPIES = [
  [".deployment", ".deployment", "tells Kudu to run deploy.sh, and to leave the running site alone"],
  ["templates/deploy.sh", "deploy.sh", "installs, builds and publishes a commit: bash deploy.sh"],
  ["web.config", "web.config", "tells IIS, and inplace-deploy serve, to start the site by launch.cmd"],
  ["launch.cmd", "launch.cmd", "starts the current artifact on Windows"],
  ["launch.sh", "launch.sh", "the same elsewhere"],
] as const;

/**
 * Writes what an app needs to be deployed in place. What is there and differs is kept, unless forced; may be run again.
 * Throws BUILD_NOT_CONFIGURED, with nothing written, where neither a configuration nor the content says how it is built.
 */
export async function initApp({ folder, force, env, signal }: InitOptions): Promise<InitialisedApp> {
  const configured = (await textOf(join(folder, CONFIG_FILE))) !== undefined && !force;
  const proposal = configured ? undefined : await proposeBuild(folder, env, signal);
  const webConfig = basename(spelled(join(folder, WEB_CONFIG)));
  const files: WrittenFile[] = [];
  for (const [from, name, purpose] of COPIES) {
    const path = isWebConfig(name) ? webConfig : name;
    const text = await readFile(packageFile(from), "utf8");
    const state = await put(join(folder, path), text, force);
    files.push({ path, purpose, state });
    if (path.endsWith(".sh") && state === "written") await chmod(join(folder, path), 0o755);
  }
  const config = join(folder, CONFIG_FILE);
  const state = proposal === undefined ? "unchanged" : await put(config, configText(folder, proposal), force);
  files.push({ path: CONFIG_FILE, purpose: "how the artifact is built", state });
  const made = proposal && (await untoldFolder(folder, proposal.build));
  files.push({
    path: ".gitignore",
    purpose: "keeps artifacts out of the repository",
    state: await addLines(join(folder, ".gitignore"), [
      ...IGNORED,
      ...(made === undefined ? [] : [`${made}/`]),
    ]),
  });
  files.push({
    path: ".gitattributes",
    purpose: "keeps the line ends that each script needs, on every system",
    state: await addLines(join(folder, ".gitattributes"), LINE_ENDS),
  });
  return { files, proposal };
}

function configText(folder: string, { build }: Proposal): string {
  const $schema = schemaFor(folder);
  return `${JSON.stringify({ ...($schema !== undefined && { $schema }), build }, null, 2)}\n`;
}

const SCHEMA = "node_modules/inplace-deploy/schema/inplace.config.schema.json";

/** Where editors find it: a workspace may have the package above. undefined for an app that has no packages. */
function schemaFor(folder: string): string | undefined {
  if (!existsSync(join(folder, "package.json"))) return undefined;
  for (
    let above = folder, path = "./";
    ;
    above = dirname(above), path = path === "./" ? "../" : `../${path}`
  ) {
    if (existsSync(join(above, SCHEMA))) return path + SCHEMA;
    if (dirname(above) === above) return `./${SCHEMA}`;
  }
}

async function put(path: string, text: string, force: boolean): Promise<WrittenFile["state"]> {
  const found = await textOf(path);
  if (found === text) return "unchanged";
  // Ours, as a clone with core.autocrlf has it: nobody has changed it.
  const isOurs = found?.replaceAll("\r\n", "\n") === text.replaceAll("\r\n", "\n");
  if (isOurs && !/\.(sh|cmd)$/.test(path)) return "unchanged";
  if (found !== undefined && !isOurs && !force) return "kept";
  if (found !== undefined && !isOurs) await copyFile(path, `${path}.before-inplace`);
  await writeFile(path, text);
  return "written";
}

/** Of those that are there "/x" and "x", "x/" and "x" count as the same. */
async function addLines(path: string, wanted: readonly string[]): Promise<WrittenFile["state"]> {
  const found = (await textOf(path)) ?? "";
  const lines = new Set(found.split(/\r?\n/).map((line) => line.trim().replace(/^\//, "")));
  const missing = wanted.filter((line) => !lines.has(line) && !lines.has(line.replace(/\/$/, "")));
  if (missing.length === 0) return "unchanged";
  const separator = found === "" || found.endsWith("\n") ? "" : "\n";
  await writeFile(path, `${found}${separator}${missing.join("\n")}\n`);
  return "written";
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isFile() ? await readFile(path, "utf8") : undefined;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
