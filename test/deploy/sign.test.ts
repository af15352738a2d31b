import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { appendFile, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { manifestPath, readManifest, type Manifest } from "#src/site/manifest.js";
import { isSigned } from "#src/site/signature.js";
import { deployHere, type DeployHere } from "../rig/deploy-here.js";
import { snapshot } from "../rig/snapshot.js";
import { inplace, sourceAndSite } from "../rig/source.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { deployOf, keyFiles } from "./built-site.js";

/** Writes what it has of the variable into a file beside it. */
const TELLS = (file: string): string =>
  `require("fs").writeFileSync(${JSON.stringify(file)}, String(process.env.INPLACE_SIGNING_KEY))`;
const APP = {
  "index.mjs": "console.log('one');\n",
  "inplace.config.json": { build: { builder: "entry", entry: "index.mjs" } },
};

test("the signing key's variable is kept from builds, git's hooks and the post-deployment action", async (t) => {
  const { folder, privateKey: key, publicKey } = await keyFiles(t);
  const seen = (who: string): string => join(folder, `${who}.seen`);
  const build = `${TELLS(seen("build"))}; require("fs").writeFileSync(process.env.ARTIFACT, "1")`;
  const { repository, layout } = await sourceAndSite(t, {
    "inplace.config.json": {
      build: { builder: "command", command: [process.execPath, "-e", build], extension: ".mjs" },
    },
  });
  const first = await repository.git("rev-parse", "HEAD");
  await repository.commit("two");
  const hook = `#!/bin/sh\nprintf %s "$INPLACE_SIGNING_KEY" > '${seen("hook")}'\n`;
  await writeFile(join(repository.folder, ".git", "hooks", "post-checkout"), hook, { mode: 0o755 });
  const action = join(folder, "action.cjs");
  await writeFile(action, TELLS(seen("action")));
  const { code, stdout, stderr } = await inplace(
    t,
    ["deploy", "--json", "--commit", first, "--site-root", layout.root],
    {
      cwd: repository.folder,
      env: { INPLACE_SIGNING_KEY: key, POST_DEPLOYMENT_ACTION: `"${process.execPath}" "${action}"` },
    },
  );
  assert.equal(code, 0, stdout + stderr);
  const [built, acted] = await Promise.all(["build", "action"].map((who) => readFile(seen(who), "utf8")));
  assert.deepEqual({ built, acted }, { built: "undefined", acted: "undefined" });
  assert.equal(existsSync(seen("hook")), false, "hooks are not run at all");
  const { artifact } = JSON.parse(stdout) as { readonly artifact: string };
  const manifest = await readManifest(layout, artifact);
  assert.ok(manifest !== undefined && (await isSigned(manifest, publicKey)), "it is signed all the same");
});

test("inplace sign signs what was built without a key, and says what", async (t) => {
  const { privateKey: key, publicKey, folder } = await keyFiles(t);
  const { layout, artifact } = await deployOf(t, APP);
  const site = ["--site-root", layout.root];
  const env = { INPLACE_PUBLIC_KEY: publicKey };
  const before = await readManifest(layout, artifact);
  const args = [...site, "sign", artifact, "--key", key, "--json"];
  const asked = await inplace(t, args, { cwd: folder });
  assert.match(asked.stdout, /CONFIRMATION_NEEDED/);
  assert.deepEqual(await readManifest(layout, artifact), before);
  const { code, stdout, stderr } = await inplace(t, [...args, "--yes"], { cwd: folder });
  assert.equal(code, 0, stdout + stderr);
  const [signed] = (JSON.parse(stdout) as { readonly signed: readonly object[] }).signed;
  const { commit, size, sha256 } = before ?? {};
  const file = manifestPath(layout, artifact);
  assert.deepEqual(signed, { artifact, commit, files: 1, size, sha256, manifest: file });
  const after = await readManifest(layout, artifact);
  assert.ok(after !== undefined && (await isSigned(after, publicKey)));
  const promoted = await inplace(t, [...site, "promote", artifact], { cwd: folder, env });
  assert.equal(promoted.code, 0, promoted.stderr);
});

test("inplace sign refuses what is not as its manifest says, and signs nothing of the others", async (t) => {
  const { privateKey: key, folder } = await keyFiles(t);
  const { layout, artifact, path } = await deployOf(t, APP);
  await cp(path, join(layout.target, "sound.mjs"));
  await appendFile(path, "// and more\n");
  const args = ["--site-root", layout.root, "sign", "sound.mjs", artifact, "--yes", "--json"];
  const { code, stdout } = await inplace(t, args, { cwd: folder, env: { INPLACE_SIGNING_KEY: key } });
  assert.equal(code, 4);
  assert.match(stdout, /ARTIFACT_ALTERED/);
  assert.equal((await readManifest(layout, artifact))?.signature, undefined);
  assert.equal(await readManifest(layout, "sound.mjs"), undefined);
});

test("inplace sign works where there is no site: an artifact and its manifest are signed for another machine", async (t) => {
  const { privateKey: key, publicKey, folder } = await keyFiles(t);
  const artifact = join(folder, "shop-1");
  await mkdir(artifact);
  await writeFile(join(artifact, "index.mjs"), "console.log('one');\n");
  const args = ["sign", artifact, "--out", "signed", "--key", key, "--yes"];
  const { code, stdout, stderr } = await inplace(t, args, { cwd: folder });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /shop-1 .* 1 /);
  const manifest = JSON.parse(await readFile(join(folder, "signed", "shop-1.json"), "utf8")) as Manifest;
  assert.ok(await isSigned(manifest, publicKey));
  assert.deepEqual(
    manifest.files.map((file) => file.path),
    ["index.mjs"],
  );
});

test("inplace sign without a key is a USAGE error that names both ways to give one", async (t) => {
  const cwd = await temporaryFolder(t);
  const { code, stderr } = await inplace(t, ["sign", "x.mjs", "--yes"], { cwd });
  assert.equal(code, 2);
  assert.match(stderr, /--key.*INPLACE_SIGNING_KEY/);
});

/** Makes what CONTENT says, and fails where it says nothing. */
const MAKES_CONTENT = `
  if (process.env.CONTENT === "") process.exit(1);
  require("fs").writeFileSync(process.env.ARTIFACT, process.env.CONTENT ?? "console.log('one')");`;

test("a rebuild that is not signed rightly leaves every byte of the live, signed release as it is", async (t) => {
  const { folder, privateKey: key, publicKey } = await keyFiles(t);
  const other = await keyFiles(t);
  const build = { builder: "command", command: [process.execPath, "-e", MAKES_CONTENT], extension: ".mjs" };
  const { repository, layout } = await sourceAndSite(t, {
    "inplace.config.json": { build, requireSignature: publicKey },
  });
  const deploy = async (options: DeployHere) => {
    const { code, error } = await deployHere(repository.folder, layout.root, options);
    return [code, error?.code];
  };
  assert.deepEqual(await deploy({ signingKey: key }), [0, undefined]);
  const before = await snapshot(layout.root);
  const rebuilds: readonly [string, DeployHere, unknown[]][] = [
    ["without a key", {}, [0, undefined]],
    ["with another key", { signingKey: other.privateKey }, [4, "ARTIFACT_UNSIGNED"]],
    ["with a key that is not there", { signingKey: join(folder, "none") }, [2, "SIGNING_KEY_INVALID"]],
    ["that makes something else", { env: { CONTENT: "console.log('two')" } }, [4, "ARTIFACT_UNSIGNED"]],
    ["that fails", { signingKey: key, env: { CONTENT: "" } }, [3, "BUILD_FAILED"]],
  ];
  for (const [name, options, expected] of rebuilds) {
    assert.deepEqual(await deploy({ ...options, rebuild: true }), expected, name);
    assert.deepEqual(await snapshot(layout.root), before, name);
  }
  const args = ["deploy", "--json", "--rebuild", "--site-root", layout.root];
  const env = { INPLACE_PUBLIC_KEY: other.publicKey };
  const { code, stdout } = await inplace(t, args, { cwd: repository.folder, env });
  assert.deepEqual(
    [code, JSON.parse(stdout).error?.code],
    [4, "ARTIFACT_UNSIGNED"],
    "another key of the host",
  );
  assert.deepEqual(await snapshot(layout.root), before);
});

test("a release that the host's key refuses changes neither launchers nor the rollout of what runs", async (t) => {
  const { publicKey } = await keyFiles(t);
  const { repository, layout } = await deployOf(t, APP);
  await writeFile(join(repository.folder, "launch.sh"), "#!/bin/sh\n# another one\n");
  await writeFile(
    join(repository.folder, "inplace.config.json"),
    JSON.stringify({ ...APP["inplace.config.json"], rollout: "recycle" }),
  );
  await repository.commit("two");
  const before = await snapshot(layout.root);
  const { code } = await inplace(t, ["deploy", "--json", "--site-root", layout.root], {
    cwd: repository.folder,
    env: { INPLACE_PUBLIC_KEY: publicKey },
  });
  assert.equal(code, 4);
  assert.deepEqual(await snapshot(layout.root), before);
});
