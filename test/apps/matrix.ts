import { execFileSync } from "node:child_process";
import type { Cleanup } from "../rig/temporary-site.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";
import { FRONTS, type App, type Front } from "./app.ts";
import { AppFolder } from "./folder.ts";
import { versionOf } from "./packages.ts";
import type { Result } from "./results.ts";
import { swapUnderLoad, tryOnce } from "./run.ts";

/** What is done at the end of one app, without a test around it. */
class AtEnd implements Cleanup {
  readonly #actions: (() => Promise<void>)[] = [];

  after(action: () => Promise<void>): void {
    this.#actions.push(action);
  }

  async run(): Promise<void> {
    for (const action of this.#actions.splice(0).reverse()) await action();
  }
}

const underWay = new Set<AtEnd>();
let stopping = false;

/** Ends what the runs have started, and the process. */
export async function interrupted(): Promise<never> {
  stopping = true;
  for (const end of underWay) await end.run().catch(() => undefined);
  process.exit(130);
}

/** An app behind each front in turn; a result is given as soon as it is there. Releases are on probation as long as by default. */
export async function runApp(
  app: App,
  fronts: readonly Front[] = FRONTS,
  done: (result: Result) => Promise<void>,
  probationMs?: number,
): Promise<void> {
  const end = new AtEnd();
  underWay.add(end);
  try {
    const folder = await AppFolder.create(await temporaryFolder(end), app);
    const version = await versionOf(app, folder.path);
    const withoutIt = await initialise(end, folder);
    if (probationMs !== undefined) folder.hurry(probationMs);
    for (const front of fronts.filter((one) => app.fronts?.includes(one) ?? true)) {
      const outcome = await swapUnderLoad(end, folder, front).catch((error: unknown) => ({
        failed: String(error),
      }));
      // What fails now fails since its folder is gone.
      if (stopping) return;
      await done({
        app: app.name,
        version,
        front,
        configured: withoutIt === undefined ? "" : (app.configured?.what ?? ""),
        withoutIt: withoutIt ?? "",
        bad: app.bad.how,
        remark: app.remark ?? "",
        product: productCommit(),
        outcome,
      });
    }
  } finally {
    underWay.delete(end);
    await end.run();
  }
}

/** Leaves the folder able to serve; gives why init alone was not enough, where it was not. */
async function initialise(end: Cleanup, folder: AppFolder): Promise<string | undefined> {
  await folder.commit("v1");
  const init = await folder.inplace("init");
  if (folder.app.configured === undefined) {
    if (init.code !== 0) throw new Error(`init ended with ${init.code}: ${init.output}`);
    return undefined;
  }
  const why = init.code === 0 ? await tryOnce(end, folder) : `init: ${init.output.trim()}`;
  if (why === undefined) return undefined;
  await folder.configure();
  if (init.code !== 0) {
    const again = await folder.inplace("init");
    if (again.code !== 0) throw new Error(`init ended with ${again.code}: ${again.output}`);
  }
  return why;
}

function productCommit(): string {
  return execFileSync("git", ["rev-parse", "--short=10", "HEAD"], { encoding: "utf8" }).trim();
}
