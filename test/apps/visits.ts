import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Sample } from "../rig/load.ts";
import { startLoad } from "../rig/load.ts";
import type { App } from "./app.ts";

const VERSION = "hello (v\\d+)";
const TIMEOUT_MS = 10_000;
const MAX_MS = 600_000;

/** Visitors of an app, on their way until stopped. None retries. */
export interface Visits {
  readonly version: string | undefined;
  stop(): Promise<readonly Sample[]>;
}

export async function startVisits(app: App, folder: string, port: number): Promise<Visits> {
  if (app.visitor === undefined) return httpVisits(app, port);
  const program = VisitorProgram.start(app.visitor, folder, port, app.tls ?? false);
  return app.http1 === true ? both(program, await httpVisits(app, port)) : program;
}

function both(one: Visits, other: Visits): Visits {
  return {
    get version() {
      return one.version;
    },
    stop: async () => (await Promise.all([one.stop(), other.stop()])).flat(),
  };
}

async function httpVisits(app: App, port: number): Promise<Visits> {
  const common = { path: app.path ?? "/", expect: VERSION, tls: app.tls ?? false };
  const load = await startLoad({
    port,
    version: VERSION,
    timeoutMs: TIMEOUT_MS,
    maxMs: MAX_MS,
    streams: [
      { name: "keep-alive", perSecond: 30, connections: 8, ...common },
      { name: "fresh", perSecond: 20, connections: "fresh", ...common },
      ...(app.post === undefined
        ? []
        : [{ ...common, name: "post", perSecond: 10, connections: 4, path: app.post, halvesApartMs: 20 }]),
    ],
  });
  return {
    get version() {
      return load.progress.version;
    },
    stop: () => load.stop(),
  };
}

/** A program that prints a line of JSON for each exchange, and ends on SIGTERM once it has its last answer. */
class VisitorProgram implements Visits {
  readonly #child: ChildProcess;
  readonly #samples: Sample[] = [];
  readonly #closed: Promise<unknown>;

  static start(name: string, folder: string, port: number, tls: boolean): VisitorProgram {
    const file = fileURLToPath(new URL(`visitors/${name}.js`, import.meta.url));
    const args = [file, String(port), ...(tls ? ["tls"] : [])];
    return new VisitorProgram(
      spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] }),
      name,
    );
  }

  private constructor(child: ChildProcess, stream: string) {
    this.#child = child;
    this.#closed = once(child, "close");
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const exchange = JSON.parse(line) as Omit<Sample, "stream">;
      this.#samples.push({ stream, ...exchange });
    });
  }

  get version(): string | undefined {
    return this.#samples.at(-1)?.version;
  }

  async stop(): Promise<readonly Sample[]> {
    this.#child.kill("SIGTERM");
    await this.#closed;
    return this.#samples;
  }
}

/** Whether the app answers with that release within the time; what it answered last instead. */
export async function answers(
  app: App,
  folder: string,
  port: number,
  version: string,
  withinMs: number,
): Promise<string | undefined> {
  const visits = app.visitor === undefined ? undefined : await startVisits(app, folder, port);
  const deadline = Date.now() + withinMs;
  let last = "nothing";
  while (Date.now() < deadline) {
    const found = visits === undefined ? await ask(app, port) : `hello ${visits.version}`;
    if (found.includes(`hello ${version}`)) {
      await visits?.stop();
      return undefined;
    }
    last = found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await visits?.stop();
  return last.slice(0, 200);
}

async function ask(app: App, port: number): Promise<string> {
  const { get } = app.tls === true ? await import("node:https") : await import("node:http");
  const options = { host: "127.0.0.1", port, path: app.path ?? "/", timeout: TIMEOUT_MS, agent: false };
  return new Promise((resolve) => {
    const request = get({ ...options, rejectUnauthorized: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("close", () =>
        resolve(`${response.statusCode} ${JSON.stringify(response.headers)} ${body}`),
      );
    });
    request.on("timeout", () => request.destroy(new Error("no answer in 10 s")));
    request.on("error", (error) => resolve(String(error)));
  });
}
