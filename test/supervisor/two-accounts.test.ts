import assert from "node:assert/strict";
import { chmod, mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { manifestPath } from "#src/site/manifest.js";
import { ACCOUNTS, giveTo } from "../rig/account.js";
import { runProgram } from "../rig/program.js";
import { sourceAndSite } from "../rig/source.js";
import { until } from "../rig/until.js";
import { handoverSite, launched } from "./handover-site.js";
import { app, publish } from "./supervised-site.js";

const INPLACE = fileURLToPath(new URL("../../bin/inplace.js", import.meta.url));

test("who deploys under a narrow umask publishes what another account can read, and start", async (t) => {
  const { repository, layout } = await sourceAndSite(t, {
    "server.mjs": app("1"),
    "inplace.config.json": {
      site: "shop",
      build: { builder: "command", command: ["cp", "server.mjs", "$ARTIFACT"], extension: ".mjs" },
    },
  });
  await chmod(layout.root, 0o755);
  const own = dirname(layout.history);
  await mkdir(own);
  if (ACCOUNTS !== undefined) await giveTo(ACCOUNTS.site, own);
  const narrow = 'umask 077; exec "$0" "$@"';
  const args = [process.execPath, INPLACE, "deploy", "--site-root", layout.root];
  const done = await runProgram(t, "sh", ["-c", narrow, ...args], { cwd: repository.folder });
  assert.equal(done.code, 0, done.stderr);
  const [artifact = ""] = await readdir(layout.target);
  for (const path of [layout.pointer, join(layout.target, artifact), manifestPath(layout, artifact)])
    assert.equal((await stat(path)).mode & 0o777, ACCOUNTS === undefined ? 0o600 : 0o644, path);
});

test("who deploys rolls back what another account runs, which may not write the site", async (t) => {
  const layout = await handoverSite(t);
  await chmod(layout.root, 0o755);
  if (ACCOUNTS !== undefined) await giveTo(ACCOUNTS.site, dirname(layout.history));
  const running = await launched(t, layout, {}, { account: ACCOUNTS?.site });
  await publish(layout, "app-2.mjs", app("2"));
  const version = async (): Promise<string | null> =>
    (await fetch(`http://127.0.0.1:${running.port}/`, { headers: { connection: "close" } })).headers.get(
      "x-version",
    );
  await until("the second release serves", async () => (await version()) === "2");
  const args = [INPLACE, "--site-root", layout.root, "rollback", "app-1.mjs", "--yes"];
  const { code, stdout, stderr } = await runProgram(t, process.execPath, args, { cwd: layout.root });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /rolled back to app-1\.mjs/);
  await until("the first release serves", async () => (await version()) === "1");
});
