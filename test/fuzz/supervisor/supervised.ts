import { get } from "node:http";
import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { askSupervisor } from "#src/supervisor/ask.js";
import type { SiteLayout } from "#src/site/layout.js";
import type { RolloutOutcome } from "#src/supervisor/state.js";
import type { Program } from "../../rig/program.ts";
import { startInplace } from "../../rig/source.ts";
import { temporarySite, type Cleanup } from "../../rig/temporary-site.ts";
import { until } from "../../rig/until.ts";
import { publish } from "../../supervisor/supervised-site.ts";

const START_MS = 60_000;
/** On a busy machine. */
const ANSWER_MS = 30_000;
const SHOWN_LINES = 30;
const UNEXPECTED = /^.*(INTERNAL|a defect of inplace-deploy|RangeError|TypeError|ERR_[A-Z0-9_]+).*$/m;

/** `inplace supervise` in a process of its own. */
export class Supervised {
  readonly layout: SiteLayout;
  readonly #program: Program;
  readonly #port: number;

  private constructor(layout: SiteLayout, program: Program, port: number) {
    this.layout = layout;
    this.#program = program;
    this.#port = port;
  }

  /** With an app that is live. */
  static async start(t: Cleanup, artifact: string, content: string): Promise<Supervised> {
    const layout = await temporarySite(t);
    await writeFile(
      join(layout.root, "inplace.config.json"),
      '{ "supervise": { "probationMs": 100, "readyMs": 5000, "drainMs": 2000 } }',
    );
    await publish(layout, artifact, content);
    const args = ["--site-root", layout.root, "supervise", "--port", "0", "--host", "127.0.0.1"];
    const program = startInplace(t, args, { cwd: layout.root });
    const port = await until(
      () => `supervise serves; it said ${program.output}`,
      () => program.output.includes("swap to") && /holding 127\.0\.0\.1:(\d+)/.exec(program.output)?.[1],
      START_MS,
    );
    return new Supervised(layout, program, Number(port));
  }

  /** Throws where it has ended, does not answer the command or a visitor, or where something threw in it. */
  async check(): Promise<void> {
    this.#checkOutput();
    const problem = await this.#ask().catch((error: unknown) => String(error));
    this.#checkOutput();
    if (problem !== undefined) throw new Error(problem);
  }

  async releases(artifact: string, content: string): Promise<RolloutOutcome | undefined> {
    await publish(this.layout, artifact, content);
    const limit = AbortSignal.timeout(START_MS);
    try {
      return await askSupervisor(this.layout, { ask: "wait", artifact }, limit);
    } catch (error) {
      this.#checkOutput();
      throw new Error(`${artifact} neither went live nor failed: ${this.#lastLines()}`, { cause: error });
    }
  }

  async #ask(): Promise<string | undefined> {
    const status = await askSupervisor(this.layout, { ask: "status" }, AbortSignal.timeout(ANSWER_MS));
    if (status?.port !== this.#port) return `its status is ${JSON.stringify(status)}`;
    const answer = await visit(this.#port);
    return answer === "sound" ? undefined : `a visitor gets ${JSON.stringify(answer)}`;
  }

  #checkOutput(): void {
    if (!this.#program.running) throw new Error(`supervise has ended:\n${this.#lastLines()}`);
    const unexpected = UNEXPECTED.exec(this.#program.output)?.[0];
    if (unexpected !== undefined) throw new Error(`supervise said: ${unexpected}\n${this.#lastLines()}`);
  }

  #lastLines(): string {
    return this.#program.output.trim().split("\n").slice(-SHOWN_LINES).join("\n");
  }
}

/** The content of an app that answers every request with "sound". */
export function soundApp(before = ""): string {
  const server = 'createServer((_request, response) => response.end("sound")).listen(process.env.PORT);';
  return `import { createServer } from "node:http";\n${before}\n${server}\n`;
}

function visit(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", agent: false, signal: AbortSignal.timeout(ANSWER_MS) };
    get(options, (response) => void text(response).then(resolve, reject)).on("error", reject);
  });
}
