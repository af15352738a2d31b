import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { findSite } from "#src/cli/site-root.js";
import { temporaryFolder } from "../rig/temporary-site.ts";
import { documentsOf } from "./documents.ts";

const VERBS = [
  ["status"],
  ["history"],
  ["rollback", "--yes"],
  ["promote", "a.mjs"],
  ["prune"],
  ["pin"],
  ["unpin", "a.mjs"],
  ["diff"],
  ["wait"],
  ["doctor"],
  ["unlock"],
  ["reload"],
  ["supervise", "--port", "0"],
  ["haproxy", "up"],
];

test("in a folder that is no site, where a deploy failed too, each verb says so and how to make one, and leaves nothing there", async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, "letter.txt"), "Dear reader");
  const [failed] = await documentsOf(t, cwd, [["deploy"]]);
  assert.equal(failed?.document.error?.code, "BUILD_NOT_CONFIGURED");
  const before = await readdir(cwd, { recursive: true });
  const lines = [...VERBS, ["status", "--site-root", "."]];
  for (const [at, { code, document }] of (await documentsOf(t, cwd, lines)).entries()) {
    assert.deepEqual([document.error?.code, code], ["NOT_A_SITE", 2], lines[at]?.join(" "));
    assert.match(
      String(document.error?.message),
      /holds no web\.config, no inplace\.config\.json and no _target\.$/,
    );
    assert.match(String(document.error?.hint), /--site-root.*inplace-deploy init/);
  }
  assert.deepEqual(await readdir(cwd, { recursive: true }), before);
});

test("each of the things that make a folder a site makes it one, and an empty folder is one where it is named", async (t) => {
  const folder = await temporaryFolder(t);
  const found = (cwd: string, named?: string): string =>
    findSite([named], { cwd, otherwise: cwd, mayBeNew: false }).root;
  const refused = { code: "NOT_A_SITE" };
  for (const name of ["web.config", "Web.config", "inplace.config.json", "_artifact.txt"]) {
    const site = join(folder, `with ${name}`);
    await mkdir(site);
    assert.throws(() => found(site), refused, name);
    await writeFile(join(site, name), "");
    assert.equal(found(site), site, name);
  }
  for (const name of ["_target", ".inplace/manifests", ".inplace-deploy/outside/a"]) {
    const site = join(folder, `with ${name}`);
    await mkdir(join(site, name), { recursive: true });
    assert.equal(found(site), site, name);
  }
  assert.throws(() => found(join(folder, "with _target", "_target")), refused);
  const empty = join(folder, "empty");
  await mkdir(empty);
  assert.throws(() => found(empty), refused);
  assert.equal(found(folder, "empty"), empty);
  assert.throws(() => found(folder, "missing"), { code: "SITE_ROOT_MISSING" });
});
