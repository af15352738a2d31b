import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { releaseOf, type App } from "./app.ts";
import { environment } from "./environment.ts";
import { installed, manifestOf } from "./packages.ts";

export const COMMAND = resolve("bin", "inplace.js");
const CONFIGURATION = "inplace.config.json";
const COMMAND_MS = 300_000;
const CERTIFICATE =
  "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=localhost".split(" ");

/** A checkout of an app that deploys into itself, as `init` leaves it. */
export class AppFolder {
  readonly path: string;
  readonly app: App;
  #configured = false;
  #toEdit: string | undefined;
  #probationMs: number | undefined;

  private constructor(path: string, app: App) {
    this.path = path;
    this.app = app;
  }

  /** With its packages, in git, not yet initialised. */
  static async create(path: string, app: App): Promise<AppFolder> {
    const folder = new AppFolder(path, app);
    run(path, "git", ["init", "-q"]);
    run(path, "git", ["config", "user.email", "apps@example.org"]);
    run(path, "git", ["config", "user.name", "apps"]);
    await folder.#write({ ".gitignore": "node_modules/\n" });
    const manifest = manifestOf(app);
    if (manifest !== undefined) await folder.#write({ "package.json": manifest });
    if (Object.keys({ ...app.packages, ...app.development }).length > 0) {
      const packages = await installed(app);
      // Hard links: a copy of each app's packages would take gigabytes.
      run(path, "cp", ["-al", join(packages, "node_modules"), join(path, "node_modules")]);
      await folder.#write({}, join(packages, "package-lock.json"));
    }
    if (app.certificate === true) run(path, "openssl", CERTIFICATE);
    return folder;
  }

  /** A release of the app, committed. */
  async commit(version: string, bad = false): Promise<void> {
    await this.#write(releaseOf(this.app, version, bad, await this.#written()));
    if (this.#configured) await this.#write(this.app.configured?.files ?? {});
    if (this.#probationMs !== undefined) await this.#writeProbation(this.#probationMs);
    run(this.path, "git", ["add", "-A"]);
    run(this.path, "git", ["commit", "-q", "--allow-empty", "-m", `${version}${bad ? ", bad" : ""}`]);
  }

  /** Lays what the app needs beyond init over the folder, from now on. */
  async configure(): Promise<void> {
    this.#configured = true;
    await this.#write(this.app.configured?.files ?? {});
  }

  /** Has releases on probation for that time, from the next commit on. */
  hurry(probationMs: number): void {
    this.#probationMs = probationMs;
  }

  /** As before the first deploy. */
  async forget(): Promise<void> {
    for (const name of ["_target", "_artifact.txt", ".inplace", ".inplace-deploy"]) {
      await rm(join(this.path, name), { recursive: true, force: true });
    }
  }

  /** The command, to its end. It may take minutes, in which this process has to go on. */
  async inplace(
    ...args: readonly string[]
  ): Promise<{ readonly code: number | null; readonly output: string }> {
    const child = spawn(process.execPath, [COMMAND, ...args], { cwd: this.path, env: environment() });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const expired = setTimeout(() => child.kill("SIGKILL"), COMMAND_MS);
    const [code] = (await once(child, "close")) as [number | null];
    clearTimeout(expired);
    return { code, output };
  }

  /** The file that a bad release edits, where init wrote it; as it was then. */
  async #written(): Promise<Readonly<Record<string, string>>> {
    const { file } = this.app.bad;
    if (this.app.files[file] !== undefined) return {};
    this.#toEdit ??= await readFile(join(this.path, file), "utf8").catch(() => undefined);
    return this.#toEdit === undefined ? {} : { [file]: this.#toEdit };
  }

  /** Beside what init or the app says in the file. */
  async #writeProbation(probationMs: number): Promise<void> {
    const text = await readFile(join(this.path, CONFIGURATION), "utf8").catch(() => "{}");
    const config = JSON.parse(text) as { readonly supervise?: object };
    const supervise = { ...config.supervise, probationMs };
    await this.#write({ [CONFIGURATION]: `${JSON.stringify({ ...config, supervise }, undefined, 2)}\n` });
  }

  async #write(files: Readonly<Record<string, string>>, lock?: string): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      const file = join(this.path, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text, { mode: text.startsWith("#!") ? 0o755 : 0o644 });
    }
    if (lock !== undefined && existsSync(lock)) run(this.path, "cp", [lock, this.path]);
  }
}

function run(cwd: string, command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: environment(),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}
