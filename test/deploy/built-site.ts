import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { asDeployer, type SiteLayout } from "#src/site/layout.js";
import { snapshot } from "../rig/snapshot.ts";
import { inplace, sourceAndSite, writeFiles, type Files } from "../rig/source.ts";

export const run = promisify(execFile);
export const NODE = process.execPath;

export interface Failure {
  readonly code: number | null;
  readonly error: { readonly code: string; readonly message: string };
}

/** Deploys the files from a repository of their own into a site of its own. */
export async function deployOf(t: TestContext, files: Files, env: NodeJS.ProcessEnv = {}) {
  const { repository, layout } = await sourceAndSite(t, files);
  const args = ["deploy", "--json", "--site-root", layout.root];
  const { code, stdout, stderr } = await inplace(t, args, { cwd: repository.folder, env });
  assert.equal(code, 0, stdout + stderr);
  const { artifact } = JSON.parse(stdout) as { artifact: string };
  return { repository, layout, artifact, path: join(layout.target, artifact) };
}

/** A deploy that has to fail, over a site that has a release already: what it says, and that nothing has changed. */
export async function failedDeploy(
  t: TestContext,
  build: object,
  files: Files = {},
  env: NodeJS.ProcessEnv = {},
): Promise<Failure> {
  const { repository, layout } = await sourceAndSite(t);
  const options = { cwd: repository.folder, env: { SITE_FOLDER: layout.root } };
  const args = ["deploy", "--json", "--site-root", layout.root];
  assert.equal((await inplace(t, args, options)).code, 0);
  await writeFiles(repository.folder, { ...files, "inplace.config.json": { build } });
  await repository.commit("two");
  const before = await snapshot(layout.root);
  const { code, stdout } = await inplace(t, args, { ...options, env: { ...options.env, ...env } });
  assert.deepEqual(withoutOutside(await snapshot(layout.root)), before);
  await assertStagingEmpty(layout);
  return { code, error: JSON.parse(stdout).error };
}

/** What a build wrote elsewhere is set aside there, for people to look at. */
function withoutOutside(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).filter(([path]) => !path.startsWith(join(".inplace-deploy", "outside"))),
  );
}

export async function assertStagingEmpty(layout: SiteLayout): Promise<void> {
  assert.deepEqual(await readdir(asDeployer(layout).staging), []);
}
