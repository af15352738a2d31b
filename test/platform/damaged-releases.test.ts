import assert from "node:assert/strict";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { startPlatformHandler, type PlatformHandler } from "#src/platform/handler.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { installRuntime } from "#src/site/runtime-bundle.js";
import { ACCOUNTS, giveTo, seal } from "../rig/account.js";
import { dropFolder, folderAsEntry, publishFolder } from "../rig/folder-release.js";
import { freePort } from "../rig/free-port.js";
import { startProgram, type Program } from "../rig/program.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { launchedSite } from "../runtime/launched-site.js";
import { app } from "../supervisor/supervised-site.js";
import { zip } from "../watch/archives.js";
import { publish } from "../watch/watched-site.js";
import { webConfig, writeSite } from "./site.js";

const INPLACE = fileURLToPath(new URL("../../bin/inplace.js", import.meta.url));
const account = ACCOUNTS?.site;

const version = async (port: number): Promise<string | null> =>
  (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } })).headers.get("x-version");

/** A folder with the site under test, where a release is published, and another one. */
async function sitesFolder(t: TestContext): Promise<{ folder: string; layout: SiteLayout }> {
  const folder = await temporaryFolder(t);
  const layout = siteLayout(join(folder, "_default"));
  await mkdir(layout.target, { recursive: true });
  await launchedSite(t, layout);
  await writeFile(layout.webConfig, webConfig('processPath=".\\launch.cmd"'));
  await publish(layout, "app-1.mjs", app("1"));
  const other = siteLayout(join(folder, "127.0.0.1"));
  await mkdir(other.root);
  await writeSite(other);
  return { folder, layout };
}

/** Two sites of one handler, which runs as another account than who deploys. */
async function twoSites(
  t: TestContext,
): Promise<{ layout: SiteLayout; start(): Promise<Program & { port: number }> }> {
  const { folder, layout } = await sitesFolder(t);
  if (account !== undefined) await giveTo(account, folder);
  return {
    layout,
    async start() {
      const port = await freePort();
      const args = [INPLACE, "serve", "--sites", folder, "--port", String(port), "--hold-seconds", "10"];
      const program = startProgram(t, process.execPath, args, { cwd: folder, account });
      await until(
        () => `it serves: ${program.output}`,
        () => program.output.includes("://"),
      );
      return Object.assign(program, { port });
    },
  };
}

/** Of the site under test, whatever it is; and the other one has to answer. */
async function answers(port: number): Promise<string | null> {
  const other = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
  assert.equal(other.status, 200);
  const mine = await fetch(`http://localhost:${port}/`, { headers: { connection: "close" } });
  return mine.status === 200 ? mine.headers.get("x-version") : String(mine.status);
}

/** A drop that the handler has decided about, whichever way: visitors have a release, also after the next start. */
async function assertServes(
  running: Program & { port: number },
  start: () => Promise<Program & { port: number }>,
  decided: RegExp,
): Promise<void> {
  await until(
    () => `${decided} in ${running.output}`,
    () => decided.test(running.output),
  );
  assert.match((await answers(running.port)) ?? "", /^(1|2|bad)$/);
  assert.doesNotMatch(running.output, /INTERNAL/);
  assert.equal((await running.interrupt()).code, 0, running.output);
  const again = await start();
  assert.match((await answers(again.port)) ?? "", /^(1|2|bad)$/);
}

test("a folder whose entry file is a folder, dropped by hand or in an archive, ends no handler, nor its next start", async (t) => {
  const { layout, start } = await twoSites(t);
  const running = await start();
  assert.equal(await answers(running.port), "1");
  await dropFolder(layout, "bad", folderAsEntry(app("bad")));
  await until(
    () => `bad in ${running.output}`,
    () => running.output.includes("bad"),
  );
  const entries = Object.entries(folderAsEntry(app("bad")));
  const archive = zip(entries.map(([name, content]) => ({ name, content })));
  await writeFile(join(layout.root, "worse.zip"), archive);
  await rename(join(layout.root, "worse.zip"), join(layout.target, "worse.zip"));
  await assertServes(running, start, /worse/);
});

test("nor does a release with a file that the running account may not read", async (t) => {
  const { layout, start } = await twoSites(t);
  const running = await start();
  assert.equal(await answers(running.port), "1");
  const files = { "index.mjs": app("2"), secret: "of the deployer" };
  await publishFolder(layout, "app-2", files, (folder) => seal(join(folder, "secret")));
  await assertServes(running, start, /app-2/);
});

test("records of a site that cannot be read fail that site's requests and no other's", async (t) => {
  const { folder, layout } = await sitesFolder(t);
  await installRuntime(layout);
  await writeFile(layout.handover, "{}");
  const current = join(layout.runtime, "current");
  await rename(current, `${current}.aside`);
  await mkdir(current);
  const running: PlatformHandler[] = [];
  t.after(() => Promise.all(running.map((each) => each.stop())));
  const handler = await startPlatformHandler({ sites: folder, port: 0, hold: { timeMs: 10_000 } });
  running.push(handler);
  assert.match((await answers(handler.port)) ?? "", /^(1|502|503)$/);
  assert.equal(await version(handler.port), null);
});
