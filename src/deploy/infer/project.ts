import { existsSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { ownYarn, packageManagerOf, type PackageManager } from "../package-manager.ts";
import { gitIn } from "../git/git.ts";
import { openRepository } from "../git/repository.ts";
import { readPackage, workspaceRoot, type PackageManifest } from "../workspace.ts";

/** What can be seen of an app without running anything of it. */
export interface Project {
  readonly folder: string;
  /** Where it lies in the folder that is deployed, with "/"; "." for that folder itself. */
  readonly place: string;
  readonly manifest: PackageManifest;
  readonly manager: PackageManager;
  /** The file that says so, relative to the folder; undefined where there is none. */
  readonly lock: string | undefined;
  /** The workspace that the app is a member of; the folder itself where there is none. */
  readonly root: string;
  /** Among the app's packages, for development or not. */
  uses(...packages: readonly string[]): string | undefined;
  has(...paths: readonly string[]): string | undefined;
  /** The text of the first of the files that is there; empty for none. */
  text(...paths: readonly string[]): string;
  /** Made by a build, or not there: nothing that a commit holds. */
  isMade(path: string): Promise<boolean>;
  script(name: string): string | undefined;
  /** The command that runs a script of package.json. */
  run(script: string): readonly string[];
  /** The command that runs a command of an installed package. */
  execute(...words: readonly string[]): readonly string[];
}

export async function readProject(top: string, place: string, manifest: PackageManifest): Promise<Project> {
  const folder = join(top, place);
  const root = await workspaceRoot(folder);
  const rootManifest = root === folder ? undefined : readPackage(root);
  const own = packageManagerOf(folder, manifest.packageManager);
  const { manager, lock } =
    own.lock === undefined && root !== folder ? packageManagerOf(root, rootManifest?.packageManager) : own;
  const packages = { ...manifest.devDependencies, ...manifest.dependencies };
  const has = (...paths: readonly string[]): string | undefined =>
    paths.find((path) => existsSync(join(folder, path)));
  const repository = await openRepository(folder);
  const yarn = manager === "yarn" ? ownYarn(root) : undefined;
  const program = yarn === undefined ? [manager] : ["node", relative(top, yarn).split(sep).join("/")];
  const within = place === "." ? [] : WITHIN[manager](place);
  return {
    folder,
    place,
    manifest,
    manager,
    lock:
      lock === undefined || own.lock !== undefined
        ? lock
        : join(relative(folder, root), lock).split(sep).join("/"),
    root,
    has,
    uses: (...names) => names.find((name) => name in packages),
    text: (...paths) => {
      const found = has(...paths);
      return found === undefined ? "" : readFileSync(join(folder, found), "utf8");
    },
    isMade: async (path) => {
      if (!existsSync(join(folder, path))) return true;
      if (repository === undefined) return false;
      const ignored = await gitIn(folder)("check-ignore", "--no-index", "--", path).catch(() => "");
      return ignored.trim() !== "";
    },
    script: (name) => manifest.scripts?.[name],
    run: (script) => [...program, ...within, "run", script],
    execute: (...words) => {
      switch (manager) {
        case "npm":
          return ["npm", ...within, "exec", "--no", "--", ...words];
        case "bun":
          return ["bun", ...within, "x", ...words];
        default:
          return [...program, ...within, "exec", ...words];
      }
    },
  };
}

/** How each is told to work for a member of the workspace. */
const WITHIN: Readonly<Record<PackageManager, (member: string) => readonly string[]>> = {
  npm: (member) => ["--workspace", member],
  pnpm: (member) => ["--dir", member],
  yarn: (member) => ["--cwd", member],
  bun: (member) => ["--cwd", member],
};
