import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { App } from "./app.ts";
import { environment } from "./environment.ts";

export const CACHE = resolve(".cache", "apps");
const ATTEMPTS = 4;
const PAUSE_MS = 3_000;
const INSTALL_MS = 600_000;

/** package.json of an app; undefined where it is no app of Node's. */
export function manifestOf(app: App): string | undefined {
  if (app.packages === undefined && app.manifest === undefined) return undefined;
  const manifest = { name: "site", version: "1.0.0", private: true, ...app.manifest };
  const development = app.development && { devDependencies: app.development };
  const all = { ...manifest, dependencies: app.packages ?? {}, ...development };
  return `${JSON.stringify(all, undefined, 2)}\n`;
}

/** A folder with the app's packages installed, and package-lock.json; installed once for all apps that want the same. */
export async function installed(app: App): Promise<string> {
  const all = { ...app.packages, ...app.development };
  const packages = JSON.stringify([all, app.manifest?.["overrides"] ?? {}]);
  const key = createHash("sha256").update(packages).digest("hex").slice(0, 12);
  const folder = join(CACHE, "packages", key);
  if (existsSync(folder)) return folder;
  const aside = `${folder}.${process.pid}`;
  await mkdir(aside, { recursive: true });
  await writeFile(join(aside, "package.json"), manifestOf(app) ?? "{}");
  try {
    await install(aside);
    await rename(aside, folder);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return folder;
}

/** Registries fail now and then, so an installation is tried again. */
async function install(folder: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const args = ["install", "--no-audit", "--no-fund", "--prefer-offline", "--install-strategy=hoisted"];
    const { NODE_EXTRA_CA_CERTS } = process.env;
    const env = { ...environment(), NODE_EXTRA_CA_CERTS };
    const options = { cwd: folder, env, timeout: INSTALL_MS, encoding: "utf8" } as const;
    const { status, stderr } = spawnSync("npm", args, options);
    if (status === 0) return;
    if (attempt === ATTEMPTS) throw new Error(`npm install failed ${attempt} times:\n${stderr.slice(-2000)}`);
    await delay(PAUSE_MS * attempt);
  }
}

/** The version of what the app is about. */
export async function versionOf(app: App, folder: string): Promise<string> {
  const [name] = Object.keys({ ...app.packages, ...app.development });
  if (name !== undefined) {
    const manifest = await readFile(join(folder, "node_modules", name, "package.json"), "utf8");
    return String((JSON.parse(manifest) as { readonly version: string }).version);
  }
  const [program] = app.debian ?? [];
  if (program === undefined) return process.version.slice(1);
  const { stdout } = spawnSync("dpkg-query", ["-W", "-f=${Version}", program], { encoding: "utf8" });
  return stdout === "" ? "" : stdout.replace(/^\d+:/, "").replace(/[-+~].*$/, "");
}
