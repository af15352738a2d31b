import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import { requiredKey } from "#src/site/trust/required-key.js";
import { documentsOf, type Answer } from "../cli/documents.ts";
import { deployHere } from "../rig/deploy-here.ts";
import type { Repository } from "../rig/project.ts";
import { inplace, sourceAndSite } from "../rig/source.ts";
import { deployed, keyFiles } from "./built-site.ts";

interface DeployedSite {
  readonly repository: Repository;
  readonly layout: SiteLayout;
  /** Deploys one more commit and gives its artifact; in this process. */
  next(): Promise<string>;
  /** Runs a verb and gives its exit code and JSON document. */
  verb(...args: string[]): Promise<{ code: number | null; json: Record<string, unknown> }>;
}

async function deployedSite(t: TestContext): Promise<DeployedSite> {
  const { repository, layout } = await sourceAndSite(t);
  const verb: DeployedSite["verb"] = async (...args) => {
    const { code, stdout } = await inplace(t, [...args, "--json", "--site-root", layout.root], {
      cwd: repository.folder,
    });
    assert.equal(stdout.trim().split("\n").length, 1, stdout);
    const json = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(json["schemaVersion"], 1);
    return { code, json };
  };
  let count = 0;
  const next = async (): Promise<string> => {
    count += 1;
    await writeFile(join(repository.folder, "server.mjs"), `console.log(${count});\n`);
    await repository.commit(`change ${count}`);
    return deployed(repository, layout);
  };
  return { repository, layout, next, verb };
}

function errorOf(json: Record<string, unknown>): string {
  return (json["error"] as { code: string }).code;
}

test("promote makes any sound artifact current, as a publish, and a pinned one survives every prune", async (t) => {
  const { repository, layout, next } = await deployedSite(t);
  const [first, second, third] = [await next(), await next(), await next()];
  const answers = (...lines: string[][]): Promise<Answer[]> =>
    documentsOf(
      t,
      repository.folder,
      lines.map((line) => [...line, "--site-root", layout.root]),
    );
  const [promoted, , pinned, pruned] = await answers(
    ["promote", first],
    ["promote", third],
    ["pin", second],
    ["prune", "--keep", "1"],
  );
  assert.deepEqual(promoted?.document, { schemaVersion: 1, artifact: first, previous: third });
  assert.deepEqual(pinned?.document["pinned"], [second]);
  assert.deepEqual(pruned?.document["removed"], [first]);
  assert.ok((await readdir(layout.target)).includes(second));
  const [unpinned, prunedAgain, missing] = await answers(
    ["unpin", second],
    ["prune", "--keep", "1"],
    ["pin", second],
  );
  assert.deepEqual(unpinned?.document["pinned"], []);
  assert.deepEqual(prunedAgain?.document["removed"], [second]);
  assert.deepEqual([missing?.code, missing?.document.error?.code], [4, "ARTIFACT_MISSING"]);
});

test("diff names the commits and the files between two artifacts", async (t) => {
  const { next, verb } = await deployedSite(t);
  const [first, , third] = [await next(), await next(), await next()];
  const { json } = await verb("diff", first, third);
  assert.deepEqual([json["added"], json["removed"], json["changed"]], [[], [], [third]]);
  const subjects = (json["commits"] as string[]).map((commit) => commit.replace(/^\S+ /, ""));
  assert.deepEqual(subjects, ["change 3", "change 2"]);
});

test("a site that requires signatures takes signed deploys, and refuses others before the pointer moves", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const { privateKey, publicKey } = await keyFiles(t);
  const deploy = async (env: NodeJS.ProcessEnv, ...args: string[]) => {
    const all = ["deploy", "--json", "--site-root", layout.root, ...args];
    const { code, stdout } = await inplace(t, all, { cwd: repository.folder, env });
    return { code, json: JSON.parse(stdout) as Record<string, unknown> };
  };
  const env = { INPLACE_PUBLIC_KEY: publicKey };
  const unsigned = await deploy(env);
  assert.deepEqual([unsigned.code, errorOf(unsigned.json)], [4, "ARTIFACT_UNSIGNED"]);
  assert.equal(existsSync(layout.pointer), false);
  const signed = await deploy(env, "--sign", privateKey);
  assert.equal(signed.code, 0, JSON.stringify(signed.json));
  assert.equal(existsSync(layout.pointer), true);
});

test("requireSignature in package.json holds for the deploy, and for what starts releases in the site", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const { privateKey, publicKey } = await keyFiles(t);
  const config = { requireSignature: publicKey };
  await writeFile(join(repository.folder, "package.json"), JSON.stringify({ name: "shop", inplace: config }));
  await repository.commit("the configuration moves into package.json");
  const unsigned = await deployHere(repository.folder, layout.root);
  assert.equal(unsigned.code, 4, unsigned.error?.message);
  assert.equal(existsSync(layout.pointer), false);
  assert.equal(existsSync(join(layout.root, "inplace.config.json")), false);
  const signed = await deployHere(repository.folder, layout.root, { signingKey: privateKey });
  assert.equal(signed.code, 0, signed.error?.message);
  assert.equal(await requiredKey(layout, {}), publicKey);
});

test("two deploys of one instant: one publishes, the other is told so with exit code 5, or waits", async (t) => {
  const { repository, layout } = await sourceAndSite(t);
  const deploy = async (...args: string[]) => {
    const all = ["deploy", "--json", "--rebuild", "--site-root", layout.root, ...args];
    return (await inplace(t, all, { cwd: repository.folder })).code;
  };
  const impatient = await Promise.all([deploy(), deploy()]);
  assert.ok(
    impatient.includes(0) && impatient.every((code) => code === 0 || code === 5),
    impatient.join(" "),
  );
  assert.deepEqual(await Promise.all([deploy("--lock-wait", "60s"), deploy("--lock-wait", "60s")]), [0, 0]);
});
