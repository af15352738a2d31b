import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after } from "node:test";
import { copyPrefix, endWindows, wineEnvironment, windowsParts, type WindowsParts } from "./windows-parts.ts";

const RUN_TIMEOUT_MS = 60_000;

/** Wine says on every stderr of a machine when one of its own services crashed; a program's crash shows in its exit code. */
const WORDS_OF_WINE = /^wine: .*\n/gm;

export interface WindowsOptions {
  /** A path of this machine; default: its root. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface WindowsResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Windows process that runs: its exit code, and what it has written so far. */
export interface WindowsProcess {
  /** Its end; rejects after withinMs, default 60 s. */
  ended(withinMs?: number): Promise<WindowsResult>;
  stdout(): Promise<string>;
  stderr(): Promise<string>;
  /** TerminateProcess, as it were: for this process alone, not its children. */
  kill(): void;
}

/** `/tmp/a b` as a Windows program on this machine names it: `Z:\tmp\a b`. */
export function windowsPath(path: string): string {
  return `Z:${path.replaceAll("/", "\\")}`;
}

/** `Z:\tmp\a b` as this machine names it: `/tmp/a b`. */
export function posixPath(path: string): string {
  return path.replace(/^Z:/i, "").replaceAll("\\", "/");
}

/**
 * A Windows 10 of its own for one test file, on Wine, with node.exe in its PATH. Called at the file's top level;
 * everything that still runs in it is ended after the file's last test.
 */
export async function windowsMachine(): Promise<WindowsMachine> {
  const parts = await windowsParts();
  const folder = await mkdtemp(join(parts.machines, "machine-"));
  const machine = new WindowsMachine(parts, folder);
  after(() => machine.remove());
  await copyPrefix(parts, machine.prefix);
  return machine;
}

export class WindowsMachine {
  readonly prefix: string;
  readonly #parts: WindowsParts;
  readonly #folder: string;
  #started = 0;

  constructor(parts: WindowsParts, folder: string) {
    this.#parts = parts;
    this.#folder = folder;
    this.prefix = join(folder, "prefix");
  }

  /** Path of node.exe as Windows names it. */
  get node(): string {
    return `${windowsPath(this.#parts.node)}\\node.exe`;
  }

  /** Runs a line of batch language to its end; rejects when it takes longer than timeoutMs (default 60 s). */
  async run(line: string, options: WindowsOptions = {}): Promise<WindowsResult> {
    const started = await this.start(line, options);
    return started.ended(options.timeoutMs);
  }

  /** Starts a line of batch language; `%` must be doubled where it is meant literally. */
  async start(line: string, { cwd = "/", env = {} }: WindowsOptions = {}): Promise<WindowsProcess> {
    this.#started += 1;
    const base = join(this.#folder, String(this.#started));
    // Wine does not hand HOME, TEMP and the like on from Unix, so the batch file sets what it is to be.
    const settings = { PATH: `${windowsPath(this.#parts.node)};%PATH%`, ...env };
    const set = Object.entries(settings).map(([name, value]) => `set "${name}=${value}"`);
    const batch = ["@echo off", ...set, `cd /d "${windowsPath(cwd)}"`, line, "exit /b %errorlevel%", ""];
    await writeFile(`${base}.cmd`, batch.join("\r\n"));
    // Files: writing to a pipe of Unix ends in EBADF for a Windows Node.
    const stdout = await open(`${base}.out`, "w");
    const stderr = await open(`${base}.err`, "w");
    const child = spawn(this.#parts.wine, ["cmd.exe", "/d", "/c", windowsPath(`${base}.cmd`)], {
      // NODE_TEST_CONTEXT would make a test file that runs there write the test runner's binary protocol.
      env: { ...wineEnvironment(this.prefix), NODE_TEST_CONTEXT: undefined },
      stdio: ["ignore", stdout.fd, stderr.fd],
    });
    const end = exited(child, base);
    await Promise.all([stdout.close(), stderr.close()]);
    return {
      ended: (withinMs = RUN_TIMEOUT_MS) => within(withinMs, line, end),
      stdout: () => readFile(`${base}.out`, "utf8"),
      stderr: async () => (await readFile(`${base}.err`, "utf8")).replace(WORDS_OF_WINE, ""),
      kill: () => void child.kill("SIGKILL"),
    };
  }

  /** Ends every process of this Windows and removes its disk. */
  async remove(): Promise<void> {
    await endWindows(this.#parts.wineserver, this.prefix);
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not ended within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

function exited(child: ChildProcess, base: string): Promise<WindowsResult> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      Promise.all([readFile(`${base}.out`, "utf8"), readFile(`${base}.err`, "utf8")]).then(
        ([stdout, stderr]) => resolve({ code, stdout, stderr }),
        reject,
      );
    });
  });
}
