import assert from "node:assert/strict";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { listFailed } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { manifestPath } from "#src/site/manifest.js";
import { readPointer } from "#src/site/pointer.js";
import { ACCOUNTS, giveTo, seal } from "../rig/account.js";
import { dropFolder, folderAsEntry, publishFolder } from "../rig/folder-release.js";
import { runProgram, type Program } from "../rig/program.js";
import { until } from "../rig/until.js";
import { zip } from "../watch/archives.js";
import { handoverSite, launched } from "./handover-site.js";
import { app, publish } from "./supervised-site.js";

const INPLACE = fileURLToPath(new URL("../../bin/inplace.js", import.meta.url));
const account = ACCOUNTS?.site;

interface Supervised {
  readonly layout: SiteLayout;
  /** Starts its supervisor and waits until this artifact is live. */
  start(live: string): Promise<Program & { readonly port: number }>;
}

/** A site that belongs to the account that runs it; others deploy into it. */
async function site(t: TestContext): Promise<Supervised> {
  const layout = await handoverSite(t);
  if (account !== undefined) await giveTo(account, layout.root);
  return { layout, start: (live) => launched(t, layout, { TMPDIR: layout.root }, { account, live }) };
}

const version = async (port: number): Promise<string | null> =>
  (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } })).headers.get("x-version");

async function says(program: Program, text: RegExp): Promise<void> {
  await until(
    () => `${text} in ${program.output}`,
    () => text.test(program.output),
  );
}

/** The release before serves on, the failed one is marked and not pointed at, and a new start serves the same. */
async function assertHarmless(
  supervised: Supervised,
  running: Program & { readonly port: number },
  failed: string,
): Promise<void> {
  const { layout } = supervised;
  await says(running, new RegExp(`${failed} failed: `));
  const marked = await until("it is marked", async () => {
    const marks = (await listFailed(layout)).map(({ artifact }) => artifact);
    return marks.length > 0 && marks;
  });
  assert.deepEqual(marked, [failed]);
  await assertServesOn(supervised, running);
}

/** What nobody could start is no release: it is not taken, and nothing is marked. */
async function assertRefused(
  supervised: Supervised,
  running: Program & { readonly port: number },
): Promise<void> {
  await says(running, /"bad(\.zip)?" in _target is not taken: .*_entry\.txt is no plain file/);
  assert.deepEqual(await listFailed(supervised.layout), []);
  await assertServesOn(supervised, running);
}

async function assertServesOn(
  { layout, start }: Supervised,
  running: Program & { readonly port: number },
): Promise<void> {
  assert.equal(await version(running.port), "1");
  const pointer = await until("the pointer names what runs", async () => {
    const found = await readPointer(layout);
    return found.state === "names" && found.artifact === "app-1.mjs" && found;
  });
  assert.equal(pointer.artifact, "app-1.mjs");
  assert.doesNotMatch(running.output, /INTERNAL/);
  assert.equal((await running.interrupt()).code, 0, running.output);
  const again = await start("app-1.mjs");
  assert.equal(await version(again.port), "1");
}

test("a folder whose entry file is a folder, dropped by hand, changes nothing, nor at the next start", async (t) => {
  const supervised = await site(t);
  const running = await supervised.start("app-1.mjs");
  await dropFolder(supervised.layout, "bad", folderAsEntry(app("bad")));
  await assertRefused(supervised, running);
});

test("nor does the same in an archive", async (t) => {
  const supervised = await site(t);
  const { layout } = supervised;
  const running = await supervised.start("app-1.mjs");
  const entries = Object.entries(folderAsEntry(app("bad")));
  const archive = zip(entries.map(([name, content]) => ({ name, content })));
  await writeFile(join(layout.root, "bad.zip"), archive);
  await rename(join(layout.root, "bad.zip"), join(layout.target, "bad.zip"));
  await assertRefused(supervised, running);
});

test("nor does a release with a file that the running account may not read", async (t) => {
  const supervised = await site(t);
  const running = await supervised.start("app-1.mjs");
  const files = { "index.mjs": app("2"), secret: "of the deployer" };
  await publishFolder(supervised.layout, "app-2", files, (folder) => seal(join(folder, "secret")));
  await assertHarmless(supervised, running, "app-2");
});

test("a file that becomes unreadable while its release serves: a reload fails, a start falls back to the one before", async (t) => {
  const supervised = await site(t);
  const { layout, start } = supervised;
  const running = await start("app-1.mjs");
  await publishFolder(layout, "app-2", { "index.mjs": app("2"), note: "read by nobody" });
  await says(running, /swap to app-2: /);
  await writeFile(join(layout.target, "app-2", "note"), "by hand");
  await seal(join(layout.target, "app-2", "note"));
  const reload = [INPLACE, "--site-root", layout.root, "reload"];
  const asked = await runProgram(t, process.execPath, reload, { cwd: layout.root });
  assert.equal(asked.code, 0, asked.stderr);
  await says(running, /app-2 failed: .*not permitted.*|app-2 failed: .*EACCES.*/);
  assert.equal(await version(running.port), "2");
  assert.equal((await running.interrupt()).code, 0, running.output);
  const again = await start("app-1.mjs");
  assert.match(again.output, /app-2 failed/);
  assert.equal(await version(again.port), "1");
});

test("nor does one that lies there at the start", async (t) => {
  const supervised = await site(t);
  const running = await supervised.start("app-1.mjs");
  assert.equal((await running.interrupt()).code, 0, running.output);
  await dropFolder(supervised.layout, "bad", folderAsEntry(app("bad")));
  await assertRefused(supervised, await supervised.start("app-1.mjs"));
});

const UNREADABLE: Record<string, (path: string) => Promise<unknown>> = {
  "is a folder": async (path) => {
    await rm(path);
    await mkdir(path);
  },
  "is a link": async (path) => {
    await rename(path, `${path}.aside`);
    await symlink(`${path}.aside`, path);
  },
  "is another account's alone": seal,
};

for (const [what, spoil] of Object.entries(UNREADABLE)) {
  test(`a manifest that ${what} keeps its release from nothing, nor the next one`, async (t) => {
    const supervised = await site(t);
    const { layout, start } = supervised;
    const running = await start("app-1.mjs");
    assert.equal((await running.interrupt()).code, 0, running.output);
    await spoil(manifestPath(layout, "app-1.mjs"));
    const again = await start("app-1.mjs");
    assert.equal(await version(again.port), "1");
    assert.deepEqual(await listFailed(layout), []);
    await publish(layout, "app-2.mjs", app("2"));
    await until(
      () => `version 2: ${again.output}`,
      async () => (await version(again.port)) === "2",
    );
  });
}

test("records of the site that cannot be read end no supervisor and keep none from starting", async (t) => {
  const supervised = await site(t);
  const { layout, start } = supervised;
  const running = await start("app-1.mjs");
  assert.equal((await running.interrupt()).code, 0, running.output);
  for (const path of [layout.lastGood, layout.history]) {
    await rename(path, `${path}.aside`);
    await mkdir(path);
  }
  const again = await start("app-1.mjs");
  await publish(layout, "app-2.mjs", app("2"));
  await until(
    () => `version 2: ${again.output}`,
    async () => (await version(again.port)) === "2",
  );
  assert.match(again.output, /last-good is no plain file/);
});
