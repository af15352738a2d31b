import assert from "node:assert/strict";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { writeHandover } from "#src/site/handover.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { installRuntime } from "#src/site/runtime-bundle.js";
import { freePort } from "../rig/free-port.ts";
import { pageOf } from "../rig/page.ts";
import { PROJECT } from "../rig/project.ts";
import { inplace, sourceAndSite } from "../rig/source.ts";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.ts";
import { until } from "../rig/until.ts";
import {
  posixPath,
  windowsPath,
  type WindowsMachine,
  type WindowsProcess,
  type WindowsResult,
} from "../rig/windows.ts";
import { publish } from "../supervisor/supervised-site.ts";

/** What batch files and shells stumble over, and what Windows allows in the name of a folder. */
const HOSTILE = "a & b (1)! ^x";
const START_TIMEOUT_MS = 60_000;

export const VERSION = "Commit <code>([0-9a-f]{10})</code>";

/** A site on Windows as Kudu sees it: a source folder, a wwwroot, and the command run by Windows Node. */
export class WindowsSite {
  readonly layout: SiteLayout;
  readonly port: number;
  readonly #windows: WindowsMachine;
  readonly #source: string;

  constructor(windows: WindowsMachine, folder: string, port: number) {
    this.#windows = windows;
    this.#source = join(folder, "repository");
    this.layout = siteLayout(join(folder, "wwwroot"));
    this.port = port;
  }

  /** Writes the source of a small site that is built by copying, and shows its commit. */
  async write(extension = ".mjs"): Promise<void> {
    await mkdir(this.layout.root, { recursive: true });
    await mkdir(this.#source, { recursive: true });
    const build = { builder: "command", command: ["node", "build.mjs"], extension };
    await writeFile(join(this.#source, "inplace.config.json"), JSON.stringify({ build }));
    await writeFile(join(this.#source, "build.mjs"), BUILD);
    await writeFile(join(this.#source, "server.mjs"), SERVER);
  }

  /** An .exe with the app inside, built on this machine; its page also says `release 1`. */
  async executable(t: TestContext): Promise<Buffer> {
    const { repository, layout } = await sourceAndSite(t, {
      "inplace.config.json": {
        build: { builder: "executable", entry: "server.mjs", node: posixPath(this.#windows.node) },
      },
      "server.mjs": SERVER.replace("</code>", "</code> release 1"),
    });
    const args = ["deploy", "--json", "--site-root", layout.root];
    const { code, stdout, stderr } = await inplace(t, args, { cwd: repository.folder });
    assert.equal(code, 0, stdout + stderr);
    const { artifact } = JSON.parse(stdout) as { artifact: string };
    return readFile(join(layout.target, artifact));
  }

  /** `inplace deploy` with the environment that Kudu gives to a deployment of this commit. */
  async deploy(commit: string): Promise<void> {
    const deployed = await this.inplace("deploy", {
      DEPLOYMENT_SOURCE: windowsPath(this.#source),
      DEPLOYMENT_TARGET: windowsPath(this.layout.root),
      WEBSITE_SITE_NAME: "shop",
      SCM_COMMIT_ID: commit,
    });
    assert.equal(deployed.code, 0, `${deployed.stdout}\n${deployed.stderr}`);
  }

  /** Runs the command at this site. */
  inplace(args: string, env: Readonly<Record<string, string>> = {}): Promise<WindowsResult> {
    return this.#windows.run(this.#command(args), this.#at(env));
  }

  /** Starts `inplace serve` and waits for the first page. */
  async serve(t: TestContext, env: Readonly<Record<string, string>> = {}): Promise<WindowsProcess> {
    const served = await this.#windows.start(
      this.#command(`serve --host 127.0.0.1 --port ${this.port}`),
      this.#at(env),
    );
    t.after(() => served.kill());
    try {
      await until("the site answers", async () => /Commit/.test(await pageOf(this.port)), START_TIMEOUT_MS);
    } catch (error) {
      throw new Error(`${await served.stdout()}\n${await served.stderr()}`, { cause: error });
    }
    return served;
  }

  #command(args: string): string {
    return `node "${windowsPath(join(PROJECT, "bin", "inplace.js"))}" ${args}`;
  }

  #at(env: Readonly<Record<string, string>>): {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
  } {
    return { cwd: this.layout.root, env: { INPLACE_SITE_ROOT: windowsPath(this.layout.root), ...env } };
  }
}

/** A commit id as git would give it; its first ten digits are the number, padded. */
export function commitId(number: number): string {
  return String(number).padStart(10, "0").padEnd(40, "c");
}

export async function windowsSite(t: TestContext, windows: WindowsMachine): Promise<WindowsSite> {
  const folder = join(await temporaryFolder(t), HOSTILE);
  await mkdir(folder);
  const site = new WindowsSite(windows, folder, await freePort());
  await site.write();
  return site;
}

const BUILD = `import { copyFileSync } from "node:fs";
copyFileSync("server.mjs", process.env.ARTIFACT);
`;

const SERVER = `import { createServer } from "node:http";
const commit = /-([0-9a-f]{10})/.exec(process.env.INPLACE_ARTIFACT ?? "")?.[1] ?? "none";
createServer((request, response) => {
  request.resume().on("end", () => response.end("Commit <code>" + commit + "</code>"));
}).listen(Number(process.env.PORT), "127.0.0.1");
`;

/** A site whose launch.cmd starts a supervisor, which has its first release live. */
export async function supervisedOnWindows(
  t: TestContext,
  windows: WindowsMachine,
  first: string,
  limitMs: number,
): Promise<{ readonly layout: SiteLayout; readonly port: number; said(): Promise<string> }> {
  const layout = await temporarySite(t);
  await copyFile(join(PROJECT, "launch.cmd"), join(layout.root, "launch.cmd"));
  await installRuntime(layout);
  await writeHandover(layout, { probationMs: 300 });
  await publish(layout, "app-1.mjs", first);
  const port = await freePort();
  const started = await windows.start(`"${windowsPath(layout.root)}\\launch.cmd"`, {
    cwd: layout.root,
    env: { HTTP_PLATFORM_PORT: String(port) },
  });
  t.after(() => started.kill());
  const said = async (): Promise<string> => `${await started.stdout()}\n${await started.stderr()}`;
  await until("the first release", async () => (await said()).includes("swap to app-1.mjs"), limitMs);
  return { layout, port, said };
}
