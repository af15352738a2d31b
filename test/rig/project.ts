import { execFile } from "node:child_process";
import { appendFile, cp, mkdir, readFile, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryFolder } from "./temporary-site.ts";

const run = promisify(execFile);

/** This project's root. */
export const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

/** A git repository in a temporary folder, with one author. */
export class Repository {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async git(...args: readonly string[]): Promise<string> {
    const author = ["-c", "user.name=A Tester", "-c", "user.email=tester@example.org"];
    const { stdout } = await run("git", [...author, ...args], { cwd: this.folder });
    return stdout.trim();
  }

  /** Commits everything as it is; gives the first ten digits of the commit. */
  async commit(message: string): Promise<string> {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "--message", message);
    return this.git("rev-parse", "--short=10", "HEAD");
  }

  /** Replaces text in a file of the working tree; throws where the text is not found. */
  async edit(file: string, from: string | RegExp, to: string): Promise<void> {
    const path = join(this.folder, file);
    const text = await readFile(path, "utf8");
    const edited = text.replace(from, to);
    if (edited === text) throw new Error(`${file} does not hold ${from}`);
    await writeFile(path, edited);
  }
}

/**
 * A copy of this project as it stands in the working tree, as a repository of its own with one commit. Its packages are
 * a link to those installed here, so that no test needs a registry.
 */
export async function projectRepository(t: TestContext): Promise<Repository> {
  const folder = join(await temporaryFolder(t), "project");
  const listed = await run("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: PROJECT,
  });
  for (const file of listed.stdout.split("\0").filter((name) => name !== "" && name !== "node_modules")) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await cp(join(PROJECT, file), join(folder, file)).catch(ignoreRemoved);
  }
  const repository = new Repository(folder);
  await repository.git("init", "--quiet", "--initial-branch=main");
  await symlink(join(PROJECT, "node_modules"), join(folder, "node_modules"));
  // .gitignore names the folder; here it is a link.
  await appendFile(join(folder, ".git", "info", "exclude"), "node_modules\n");
  // deploy.sh installs when the lock file is newer than what is installed.
  await utimes(join(folder, "package-lock.json"), 0, 0);
  await repository.commit("The project");
  return repository;
}

/** A file that git still lists, but that the working tree does not hold any more. */
function ignoreRemoved(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
