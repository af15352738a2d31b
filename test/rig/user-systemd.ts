import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Cleanup } from "./temporary-site.js";
import { until } from "./until.js";

const run = promisify(execFile);
const SYSTEMD = "/lib/systemd/systemd";
const STOP_LIMIT_MS = 20_000;

/** A unit file by name and content. */
export interface Unit {
  readonly name: string;
  readonly content: string;
}

/**
 * A systemd of the test's own: `systemd --user` in a private mount namespace that holds /run/systemd/system, without
 * which it takes the machine for one that another init runs.
 */
export class UserSystemd {
  /** For sockets and the like; its path is short. */
  readonly folder: string;
  readonly #process: ChildProcess;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(folder: string, process: ChildProcess, env: NodeJS.ProcessEnv) {
    this.folder = folder;
    this.#process = process;
    this.#env = env;
  }

  static async start(t: Cleanup): Promise<UserSystemd> {
    // Short: the paths of Unix sockets are limited to 107 bytes.
    const folder = await mkdtemp(join(tmpdir(), "ips-"));
    const env: NodeJS.ProcessEnv = {
      PATH: process.env["PATH"],
      HOME: folder,
      XDG_RUNTIME_DIR: join(folder, "run"),
      XDG_CONFIG_HOME: join(folder, "config"),
    };
    await mkdir(join(folder, "run"), { mode: 0o700 });
    // For every service: there is no journal to write to.
    await mkdir(join(folder, "config/systemd/user/service.d"), { recursive: true });
    const log = `[Service]\nStandardOutput=append:${join(folder, "log")}\nStandardError=inherit\n`;
    await writeFile(join(folder, "config/systemd/user/service.d/log.conf"), log);
    const inNamespace = `mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec ${SYSTEMD} --user --log-target=console`;
    const asRoot = process.getuid?.() === 0 ? [] : ["--map-root-user"];
    const child = spawn("unshare", ["--mount", ...asRoot, "sh", "-c", inNamespace], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const systemd = new UserSystemd(folder, child, env);
    child.stdout.on("data", (chunk: Buffer) => (systemd.#output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (systemd.#output += chunk.toString()));
    t.after(() => systemd.#end());
    await until("systemd listens", () => {
      if (child.exitCode !== null) throw new Error(`systemd ended:\n${systemd.#output}`);
      return access(join(folder, "run/systemd/private")).then(
        () => true,
        () => false,
      );
    });
    return systemd;
  }

  #output = "";

  /** What systemd and its services have written, each by itself. */
  async output(): Promise<string> {
    return this.#output + (await readFile(join(this.folder, "log"), "utf8").catch(() => ""));
  }

  /** Installs units and makes them known. */
  async install(units: readonly Unit[]): Promise<void> {
    for (const { name, content } of units) {
      const path = join(this.folder, "config/systemd/user", name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
    await this.control("daemon-reload");
  }

  /** systemctl --user; rejects with its words when it fails. */
  async control(...args: readonly string[]): Promise<string> {
    const { stdout } = await run("systemctl", ["--user", ...args], { env: this.#env });
    return stdout;
  }

  async property(unit: string, name: string): Promise<string> {
    return (await this.control("show", "--value", "-p", name, unit)).trim();
  }

  async #end(): Promise<void> {
    if (this.#process.exitCode === null) {
      const exited = once(this.#process, "exit");
      // To systemd itself: unshare and sh have become it. It stops every service and ends.
      this.#process.kill("SIGTERM");
      const kill = setTimeout(() => this.#process.kill("SIGKILL"), STOP_LIMIT_MS);
      await exited;
      clearTimeout(kill);
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}
