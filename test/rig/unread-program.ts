import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { Readable, Writable } from "node:stream";
import type { Cleanup } from "./temporary-site.ts";

const STOP_LIMIT_MS = 20_000;

/** What becomes of a program whose output a test reads when it wants to, or never. */
export class UnreadProgram {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<number | NodeJS.Signals>;

  constructor(
    t: Cleanup,
    command: string,
    args: readonly string[],
    options: { cwd: string; env?: NodeJS.ProcessEnv },
  ) {
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined, ...options.env };
    this.#child = spawn(command, args, { cwd: options.cwd, env, stdio: "pipe" });
    this.#ended = once(this.#child, "exit").then(
      ([code, signal]) => (code as number | null) ?? (signal as NodeJS.Signals),
    );
    t.after(async () => {
      this.#child.kill("SIGKILL");
      await this.#ended;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Something has been written to stdout; it stays unread. */
  async begun(): Promise<void> {
    await once(this.#child.stdout, "readable", { signal: AbortSignal.timeout(STOP_LIMIT_MS) });
  }

  type(input: string): void {
    this.#child.stdin.write(input);
  }

  /** Nobody reads any more. */
  leave(): void {
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  /** All that it still writes to stdout. */
  async rest(): Promise<string> {
    return await text(this.#child.stdout);
  }

  /** How it ends, with stdin at its end, though nobody reads its output. */
  async ended(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.#child.stdin.end();
    if (signal !== undefined) this.#child.kill(signal);
    const late = AbortSignal.timeout(STOP_LIMIT_MS);
    return await Promise.race([
      this.#ended,
      once(late, "abort").then(() => Promise.reject(new Error(`not ended in ${STOP_LIMIT_MS} ms`))),
    ]);
  }
}
