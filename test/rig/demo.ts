// npm run demo: what a team lives through in a week, in one terminal in under a minute, with a count of every request.
import { cp, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isMarkedFailed } from "#src/site/health-marks.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { freePort } from "./free-port.ts";
import { startFittingLoad } from "./demo-load.ts";
import { printTable, type Step } from "./demo-table.ts";
import type { Load } from "./load.ts";
import { pageOf } from "./page.ts";
import { runProgram, startProgram } from "./program.ts";
import { PROJECT, Repository } from "./project.ts";
import { temporaryFolder, type Cleanup } from "./temporary-site.ts";
import { until } from "./until.ts";

const VERSION = "artifact <code>([^<]+)</code>";
/** Requests that each release gets before the next step. */
const REQUESTS_PER_STEP = 1_500;
const INPLACE = join(PROJECT, "bin", "inplace.js");

class Demo {
  readonly #t: Cleanup;
  readonly #repository: Repository;
  readonly #layout: SiteLayout;
  readonly #load: Load;
  readonly steps: Step[] = [];

  constructor(t: Cleanup, repository: Repository, layout: SiteLayout, load: Load) {
    this.#t = t;
    this.#repository = repository;
    this.#layout = layout;
    this.#load = load;
  }

  /** Does something to the site, waits until `live` answers, and lets it serve for a while. */
  async step(name: string, act: () => Promise<string>): Promise<void> {
    console.log(`\n${name}`);
    const startedAt = Date.now();
    const live = await act();
    const returnedAt = Date.now();
    await this.#load.until(({ version }) => version === live, `${live} answers`);
    const { done } = this.#load.progress;
    await this.#load.until((now) => now.done > done + REQUESTS_PER_STEP, "requests go on");
    this.steps.push({ name, live, startedAt, returnedAt });
    console.log(
      `  ${live} answers; ${this.#load.progress.done} requests so far, ${this.#load.progress.failed} failed`,
    );
  }

  async deploy(change: string, to: string): Promise<string> {
    await this.#repository.edit("server.ts", /^.*<h1>.*$|^throw .*$/m, to);
    const commit = await this.#repository.commit(change);
    await this.#inplace("deploy", "--source", this.#repository.folder);
    return `hello-${commit}.mjs`;
  }

  /** A release that ends as soon as it starts: the one before it serves on. */
  async deployBroken(): Promise<string> {
    await this.#repository.edit("server.ts", /^/, 'throw new Error("a bad day");\n');
    const bad = `hello-${await this.#repository.commit("A bad day")}.mjs`;
    await this.#inplace("deploy", "--source", this.#repository.folder);
    await until(`${bad} is marked as failed`, () => isMarkedFailed(this.#layout, bad));
    console.log(`  ${bad} failed and is marked so`);
    return this.steps.at(-1)?.live ?? "";
  }

  /** What somebody without the command does: copies a file. */
  async drop(from: string, name: string): Promise<string> {
    await copyFile(join(this.#layout.target, from), join(this.#layout.target, name));
    console.log(`  cp ${from} _target/${name}`);
    return name;
  }

  async rollback(to: string): Promise<string> {
    await this.#inplace("rollback", to, "--yes");
    return to;
  }

  async #inplace(...args: readonly string[]): Promise<void> {
    const all = [INPLACE, "--site-root", this.#layout.root, ...args];
    const { code, stdout, stderr } = await runProgram(this.#t, process.execPath, all, {
      cwd: this.#layout.root,
    });
    if (code !== 0) throw new Error(`inplace ${args[0]} ended with ${code}\n${stdout}\n${stderr}`);
    // The line after it says how to wait, which the load does here.
    const told = stdout.split("\n").filter((line) => /^(deployed|rolled back)/.test(line));
    console.log(`  ${told.join()}`);
  }
}

async function demo(t: Cleanup): Promise<boolean> {
  const folder = await temporaryFolder(t);
  const layout = siteLayout(join(folder, "wwwroot"));
  const repository = new Repository(join(folder, "repository"));
  await mkdir(layout.root);
  await cp(join(PROJECT, "examples", "hello"), repository.folder, { recursive: true });
  await repository.git("init", "--quiet", "--initial-branch=main");
  const first = await repository.commit("The first commit");

  console.log(`Deploy ${first} to an empty site`);
  const options = { cwd: layout.root };
  const deploy = [INPLACE, "--site-root", layout.root, "deploy", "--source", repository.folder];
  await runProgram(t, process.execPath, deploy, options);
  const port = await freePort();
  const serve = [INPLACE, "--site-root", layout.root, "serve", "--port", String(port)];
  startProgram(t, process.execPath, serve, options);
  await until("the first page", async () => (await pageOf(port)).includes(first));
  console.log(`  http://localhost:${port} shows it`);

  const { load, perSecond } = await startFittingLoad({ port, version: VERSION });
  console.log(`  from now on ${perSecond} requests a second, never repeated`);
  const story = new Demo(t, repository, layout, load);
  await load.until(({ done }) => done > REQUESTS_PER_STEP, "the load is under way");
  for (const day of ["Monday", "Tuesday", "Wednesday"]) {
    await story.step(`Deploy: ${day}`, () => story.deploy(day, `<h1>Hello, ${day}</h1>`));
  }
  await story.step("Deploy a broken commit", () => story.deployBroken());
  const good = story.steps.at(-1)?.live ?? "";
  await story.step("Drop a file by hand", () => story.drop(good, "by-hand.mjs"));
  await story.step("Roll back", () => story.rollback(good));
  const samples = await load.stop();
  return printTable(story.steps, samples);
}

const actions: (() => Promise<void>)[] = [];
const cleanUp = async (): Promise<void> => {
  for (const action of actions.splice(0).reverse()) await action();
};
let interrupted = false;
process.on("SIGINT", () => {
  if (interrupted) process.exit(130);
  interrupted = true;
  void cleanUp().finally(() => process.exit(130));
});
try {
  const sound = await demo({ after: (action) => void actions.push(action) });
  process.exitCode = sound ? 0 : 1;
} catch (error) {
  // Ctrl+C reaches all programs of the terminal at once, so what was under way fails too.
  if (!interrupted) throw error;
} finally {
  if (!interrupted) await cleanUp();
}
