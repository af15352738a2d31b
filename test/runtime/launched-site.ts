import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFile, readFile } from "node:fs/promises";
import { get, type Agent, type IncomingMessage } from "node:http";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import { installRuntime } from "#src/site/runtime-bundle.js";
import { temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

/** A program that a test started; killed when the test ends. */
export interface Started {
  readonly process: ChildProcess;
  readonly exited: Promise<number | NodeJS.Signals>;
  stdout(): string;
  stderr(): string;
  /** The port that the app printed as `port N`, waited for; of the nth app that this process started. */
  port(nth?: number): Promise<number>;
}

/** A site with launch.sh and the runtime in it, as init and deploy leave it. */
export async function launchedSite(t: TestContext, site?: SiteLayout): Promise<SiteLayout> {
  const layout = site ?? (await temporarySite(t));
  await copyFile(resolve("launch.sh"), join(layout.root, "launch.sh"));
  await installRuntime(layout);
  return layout;
}

export function launch(
  t: TestContext,
  layout: SiteLayout,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Started {
  return start(t, "sh", [join(layout.root, "launch.sh"), ...args], { env, cwd: "/" });
}

export function start(
  t: TestContext,
  program: string,
  args: readonly string[],
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly cwd?: string;
    readonly stdin?: "pipe";
    /** Another account, for tests that run as root. */
    readonly uid?: number | undefined;
  } = {},
): Started {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...options.env },
    stdio: [options.stdin ?? "ignore", "pipe", "pipe"],
    // A group of its own, so that whatever it started can be ended with it.
    detached: true,
    ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
  });
  let out = "";
  let err = "";
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => (out += piece));
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => (err += piece));
  t.after(() => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      return; // It has ended.
    }
  });
  const exited = once(child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  return {
    process: child,
    exited,
    stdout: () => out,
    stderr: () => err,
    async port(nth = 1) {
      const found = await until(
        () => `port ${nth} of ${args.join(" ")}; it said ${out}${err}`,
        () => {
          return [...out.matchAll(/^port (\d+)$/gm)][nth - 1]?.[1];
        },
      );
      return Number(found);
    },
  };
}

/** Source of an app that answers with its artifact's name; /slow/N after N ms, /held/N not before it drains for N ms. */
export function app(body = ""): string {
  return `
import http from "node:http";
const server = http.createServer((request, response) => {
  const [, path, ms] = request.url.split("/");
  if (path === "slow") setTimeout(() => response.end("slow answer"), Number(ms));
  else if (path === "held") server.once("draining", () => setTimeout(() => response.end("held answer"), Number(ms)));
  else response.end(process.env.INPLACE_ARTIFACT);
});
server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
${body}
`;
}

export async function fetchText(port: number, path = "/", agent?: Agent): Promise<string> {
  const request = get({ host: "127.0.0.1", port, path, ...(agent && { agent }) });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return await text(response);
}

/** Content of a file of the site, or undefined. */
export async function fileOf(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(() => undefined);
}
