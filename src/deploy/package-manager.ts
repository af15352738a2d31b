import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expectSuccess } from "./builders/builder.ts";
import { runCommand, type Runnable, type RunOptions } from "./run-command.ts";

/** What installs a project's packages. yarn from 2 on is a program of its own kind. */
export type PackageManager = "npm" | "pnpm" | "yarn" | "bun";

const LOCKS: readonly (readonly [file: string, manager: PackageManager])[] = [
  ["pnpm-lock.yaml", "pnpm"],
  ["yarn.lock", "yarn"],
  ["bun.lock", "bun"],
  ["bun.lockb", "bun"],
  ["package-lock.json", "npm"],
  ["npm-shrinkwrap.json", "npm"],
];

/** What the folder shows: its lock file, else the packageManager key of its package.json, else npm. */
export function packageManagerOf(
  folder: string,
  named?: unknown,
): { readonly manager: PackageManager; readonly lock: string | undefined } {
  for (const [lock, manager] of LOCKS) if (existsSync(join(folder, lock))) return { manager, lock };
  const [, manager] = /^(npm|pnpm|yarn|bun)@/.exec(typeof named === "string" ? named : "") ?? [];
  return { manager: (manager as PackageManager | undefined) ?? "npm", lock: undefined };
}

/** Installs all packages, those for development too, as the lock file says. Throws BUILD_FAILED or BUILD_TIMED_OUT. */
export async function installPackages(folder: string, options: Omit<RunOptions, "cwd">): Promise<void> {
  // Yarn from version 2 on would rather not make node_modules.
  const env = { ...options.env, YARN_NODE_LINKER: "node-modules" };
  const end = await runCommand(installation(folder, env), { ...options, env, cwd: folder });
  expectSuccess(`${packageManagerOf(folder).manager} install`, end, options.limitMs);
}

/** Hosts like App Service set NODE_ENV=production, so development packages are asked for. */
function installation(folder: string, env: NodeJS.ProcessEnv): Runnable {
  const { manager, lock } = packageManagerOf(folder);
  switch (manager) {
    case "npm":
      return npmCall(env, [
        lock === undefined ? "install" : "ci",
        "--include=dev",
        "--no-audit",
        "--no-fund",
        ...(lock === undefined ? ["--no-package-lock"] : []),
      ]);
    case "pnpm":
      return { kind: "argv", file: "pnpm", args: ["install", "--frozen-lockfile", "--prod=false"] };
    case "yarn":
      return yarnInstall(folder);
    case "bun":
      return { kind: "argv", file: "bun", args: ["install", "--frozen-lockfile"] };
    default:
      return manager satisfies never;
  }
}

/** From version 2 on it has other options, and NODE_ENV counts no more. */
function yarnInstall(folder: string) {
  const isNewer = readFileSync(join(folder, "yarn.lock"), "utf8").includes("\n__metadata:");
  const args = ["install", ...(isNewer ? ["--immutable"] : ["--frozen-lockfile", "--production=false"])];
  return { kind: "argv", file: "yarn", args } as const;
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
