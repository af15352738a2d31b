import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { InplaceError } from "../errors.ts";
import { expectSuccess } from "./builders/builder.ts";
import { runCommand, type Runnable, type RunOptions } from "./run-command.ts";
import { readPackage } from "./workspace.ts";

/** What installs a project's packages. yarn from 2 on is a program of its own kind. */
export type PackageManager = "npm" | "pnpm" | "yarn" | "bun";

const LOCKS: readonly (readonly [file: string, manager: PackageManager])[] = [
  ["pnpm-lock.yaml", "pnpm"],
  ["yarn.lock", "yarn"],
  ["bun.lock", "bun"],
  ["bun.lockb", "bun"],
  ["npm-shrinkwrap.json", "npm"],
  ["package-lock.json", "npm"],
];

/**
 * What the folder shows: its lock file, of several the one of the manager that package.json names; without one that manager,
 * else npm. templates/deploy.sh goes by the same rules.
 */
export function packageManagerOf(
  folder: string,
  named: unknown = readPackage(folder)?.packageManager,
): { readonly manager: PackageManager; readonly lock: string | undefined } {
  const [, wanted] = /^(npm|pnpm|yarn|bun)@/.exec(typeof named === "string" ? named : "") ?? [];
  const found = LOCKS.filter(([lock]) => existsSync(join(folder, lock)));
  const [lock, manager] = found.find(([, each]) => each === wanted) ?? found[0] ?? [];
  return { manager: manager ?? (wanted as PackageManager | undefined) ?? "npm", lock };
}

/** Installs all packages, those for development too, as the lock file says. Throws BUILD_FAILED or BUILD_TIMED_OUT. */
export async function installPackages(folder: string, options: Omit<RunOptions, "cwd">): Promise<void> {
  // Yarn from version 2 on would rather not make node_modules.
  const env = { ...options.env, YARN_NODE_LINKER: "node-modules" };
  const { manager, lock } = packageManagerOf(folder);
  const end = await runCommand(installation(folder, env), { ...options, env, cwd: folder });
  if (end.end === "not-started") {
    throw new InplaceError("BUILD_FAILED", `${manager} cannot be started for ${lock}: ${end.reason}.`, {
      hint: `Install ${manager} for the account that builds: npm install --global ${manager}, or corepack enable.`,
    });
  }
  expectSuccess(`${lock === undefined ? "npm" : manager} install`, end, options.limitMs);
}

/** Hosts like App Service set NODE_ENV=production, so development packages are asked for. Without a lock file npm installs. */
export function installation(folder: string, env: NodeJS.ProcessEnv): Runnable {
  const { manager, lock } = packageManagerOf(folder);
  const npm = ["--include=dev", "--no-audit", "--no-fund"];
  if (lock === undefined) return npmCall(env, ["install", ...npm, "--no-package-lock"]);
  switch (manager) {
    case "npm":
      return npmCall(env, ["ci", ...npm]);
    case "pnpm":
      // It would ask before it removes what another manager installed.
      return {
        kind: "argv",
        file: "pnpm",
        args: ["install", "--frozen-lockfile", "--prod=false", "--config.confirmModulesPurge=false"],
      };
    case "yarn":
      return yarnInstall(folder);
    case "bun":
      return { kind: "argv", file: "bun", args: ["install", "--frozen-lockfile"] };
    default:
      return manager satisfies never;
  }
}

/** From version 2 on it has other options, and NODE_ENV counts no more. */
function yarnInstall(folder: string): Runnable {
  const isNewer = /^__metadata:/m.test(readFileSync(join(folder, "yarn.lock"), "utf8"));
  const args = ["install", ...(isNewer ? ["--immutable"] : ["--frozen-lockfile", "--production=false"])];
  const own = ownYarn(folder);
  return own === undefined
    ? { kind: "argv", file: "yarn", args }
    : { kind: "argv", file: process.execPath, args: [own, ...args] };
}

/**
 * The file of the yarn that the folder brings, as its settings name it: then none has to be on the PATH.
 * https://yarnpkg.com/configuration/yarnrc#yarnPath, and yarn-path of version 1
 */
export function ownYarn(folder: string): string | undefined {
  for (const settings of [".yarnrc.yml", ".yarnrc"]) {
    const file = join(folder, settings);
    const [, , path] =
      (existsSync(file) &&
        /^(yarnPath:|yarn-path)[ \t]+["']?([^"'#\r\n]+?)["']?[ \t]*(#.*)?$/m.exec(
          readFileSync(file, "utf8"),
        )) ||
      [];
    if (path !== undefined && existsSync(resolve(folder, path))) return resolve(folder, path);
  }
  return undefined;
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
