import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../rig/temporary-site.ts";
import { documentsOf } from "./documents.ts";

test("keygen writes no private key into a repository or a site unless it is forced, and by default beside the account's own settings", async (t) => {
  const folder = await temporaryFolder(t);
  const [repository, site, dropped] = [
    join(folder, "repository"),
    join(folder, "site"),
    join(folder, "dropped"),
  ];
  await mkdir(join(repository, ".git"), { recursive: true });
  await mkdir(join(site, "public"), { recursive: true });
  await writeFile(join(site, "web.config"), "<configuration />");
  await mkdir(join(dropped, "_target"), { recursive: true });
  const [spelled, linked] = [join(folder, "spelled"), join(folder, "linked")];
  await mkdir(spelled);
  await writeFile(join(spelled, "Web.config"), "<configuration />");
  await symlink(join(site, "public"), linked, "junction");
  const home = join(folder, "home");
  const lines = [
    ["keygen", "--out", repository],
    ["keygen", "--out", join(repository, "deep", "keys")],
    ["keygen", "--out", join(site, "public")],
    ["keygen", "--out", dropped],
    ["keygen", "--out", spelled],
    ["keygen", "--out", join(linked, "keys")],
    ["keygen"],
    ["keygen"],
    ["keygen", "--out", repository, "--force"],
    ["keygen", "--out", join(site, "web.config", "keys"), "--force"],
  ];
  const answers = await documentsOf(t, repository, lines, { XDG_CONFIG_HOME: home, APPDATA: home });
  const codes = answers.map(({ document }) => document.error?.code ?? "done");
  const exposed = "KEY_EXPOSED";
  assert.deepEqual(
    codes.slice(0, 6),
    Array.from({ length: 6 }, () => exposed),
  );
  assert.deepEqual(codes.slice(6), ["done", "USAGE", "done", "FILE_UNUSABLE"]);
  assert.match(
    String(answers[1]?.document.error?.message),
    /is in the repository .*repository: the private key/,
  );
  const key = join(home, "inplace-deploy", "inplace.key");
  assert.equal(answers[6]?.document["privateKey"], key);
  if (process.platform !== "win32") assert.equal((await stat(key)).mode & 0o777, 0o600);
  assert.ok(existsSync(join(repository, "inplace.key")));
  assert.deepEqual(await readdir(join(site, "public")), []);
});
