import { chmod, copyFile, lstat, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildConfig } from "../config/config.ts";
import { CONFIG_FILE } from "../config/load.ts";
import { InplaceError, systemCode } from "../errors.ts";
import { inferBuild } from "./builders/infer.ts";

const PACKAGE_FOLDER = fileURLToPath(new URL("../../", import.meta.url));
const IGNORED = ["node_modules/", "_target/", "_artifact.txt", ".inplace/"] as const;

export interface WrittenFile {
  readonly path: string;
  readonly state: "written" | "unchanged" | "kept";
  /** What the file is for, in a line. */
  readonly purpose: string;
}

/** Writes what an app needs to be deployed in place. What is there and differs is kept, unless forced; may be run again. */
export async function initApp(folder: string, force: boolean): Promise<readonly WrittenFile[]> {
  if ((await textOf(join(folder, "package.json"))) === undefined) {
    throw new InplaceError("SOURCE_MISSING", `${folder} has no package.json.`, {
      hint: "Run the command in the app's folder.",
    });
  }
  const copies = [
    [".deployment", ".deployment", "tells Kudu to run deploy.sh, and to leave the running site alone"],
    ["templates/deploy.sh", "deploy.sh", "installs, builds and publishes a commit: bash deploy.sh"],
    ["web.config", "web.config", "tells IIS, and inplace serve, to start the site by launch.cmd"],
    ["launch.cmd", "launch.cmd", "starts the current artifact on Windows"],
    ["launch.sh", "launch.sh", "the same elsewhere"],
  ] as const;
  const files: WrittenFile[] = [];
  for (const [from, path, purpose] of copies) {
    const text = await readFile(join(PACKAGE_FOLDER, from), "utf8");
    files.push({ path, purpose, state: await put(join(folder, path), text, force) });
    if (path.endsWith(".sh")) await chmod(join(folder, path), 0o755);
  }
  const config = `${JSON.stringify(await configFor(folder), null, 2)}\n`;
  files.push({
    path: CONFIG_FILE,
    purpose: "how the artifact is built",
    state: await put(join(folder, CONFIG_FILE), config, force),
  });
  files.push({
    path: ".gitignore",
    purpose: "keeps artifacts out of the repository",
    state: await ignore(folder),
  });
  return files;
}

async function put(path: string, text: string, force: boolean): Promise<WrittenFile["state"]> {
  const found = await textOf(path);
  if (found === text) return "unchanged";
  if (found !== undefined && !force) return "kept";
  if (found !== undefined) await copyFile(path, `${path}.before-inplace`);
  await writeFile(path, text);
  return "written";
}

async function ignore(folder: string): Promise<WrittenFile["state"]> {
  const path = join(folder, ".gitignore");
  const found = (await textOf(path)) ?? "";
  const lines = new Set(found.split(/\r?\n/).map((line) => line.trim().replace(/^\//, "")));
  const missing = IGNORED.filter((line) => !lines.has(line) && !lines.has(line.replace(/\/$/, "")));
  if (missing.length === 0) return "unchanged";
  const separator = found === "" || found.endsWith("\n") ? "" : "\n";
  await writeFile(path, `${found}${separator}${missing.join("\n")}\n`);
  return "written";
}

async function configFor(folder: string): Promise<object> {
  const $schema = "./node_modules/inplace-deploy/schema/inplace.config.schema.json";
  const build = await buildFor(folder);
  return build === undefined ? { $schema } : { $schema, build };
}

/** undefined where nothing suggests a build: then `deploy` says what to configure. */
async function buildFor(folder: string): Promise<BuildConfig | undefined> {
  const manifest = JSON.parse((await textOf(join(folder, "package.json"))) ?? "{}") as {
    readonly main?: unknown;
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  if (manifest.dependencies?.["next"] !== undefined) return NEXT_STANDALONE;
  const main = typeof manifest.main === "string" ? manifest.main.replace(/^\.\//, "") : undefined;
  if (main !== undefined && (await textOf(join(folder, main))) !== undefined)
    return { builder: "entry", entry: main };
  try {
    return inferBuild(folder);
  } catch (error) {
    if (error instanceof InplaceError) return undefined;
    throw error;
  }
}

// https://nextjs.org/docs/app/api-reference/config/next-config-js/output: the static files are copied by hand.
const NEXT_STANDALONE: BuildConfig = {
  builder: "directory",
  shell:
    "npx next build && node -e \"const{cpSync,existsSync}=require('fs');for(const d of ['.next/static','public'])if(existsSync(d))cpSync(d,'.next/standalone/'+d,{recursive:true})\"",
  directory: ".next/standalone",
  entryPoint: "server.js",
  install: false,
};

async function textOf(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isFile() ? await readFile(path, "utf8") : undefined;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
