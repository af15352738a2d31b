import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { asDeployer, type SiteLayout } from "#src/site/layout.js";
import { generateKeys } from "#src/site/signature.js";
import { deployHere } from "../rig/deploy-here.ts";
import type { Repository } from "../rig/project.ts";
import { snapshot } from "../rig/snapshot.ts";
import { inplace, sourceAndSite, writeFiles, type Files } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";

export const run = promisify(execFile);
export const NODE = process.execPath;

export interface Failure {
  readonly code: number | null;
  readonly error: { readonly code: string; readonly message: string };
}

type Run = (
  folder: string,
  site: string,
  env: NodeJS.ProcessEnv,
) => Promise<Partial<Failure> & { code: Failure["code"] }>;

/** Deploys the files from a repository of their own into a site of its own; in this process. */
export async function deployOf(t: TestContext, files: Files, env: NodeJS.ProcessEnv = {}) {
  const { repository, layout } = await sourceAndSite(t, files);
  const artifact = await deployed(repository, layout, env);
  return { repository, layout, artifact, path: join(layout.target, artifact) };
}

/** Deploys what has to succeed; gives the artifact's name. */
export async function deployed(
  { folder }: Repository,
  layout: SiteLayout,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { code, artifact, error } = await deployHere(folder, layout.root, { env });
  assert.equal(code, 0, error?.message);
  return artifact;
}

/** A deploy that has to fail, over a site that has a release already: what it says, and that nothing has changed. */
export async function failedDeploy(t: TestContext, build: object, files: Files = {}): Promise<Failure> {
  return (await releasedSite(t))(build, files);
}

/** A site that has a release; what it gives deploys over it what has to fail, and sees that nothing has changed. */
export async function releasedSite(
  t: TestContext,
  run: Run = (folder, site, env) => deployHere(folder, site, { env }),
): Promise<(build: object, files?: Files) => Promise<Failure>> {
  const { repository, layout } = await sourceAndSite(t);
  await deployed(repository, layout);
  return async (build, files = {}) => {
    await writeFiles(repository.folder, { ...files, "inplace.config.json": { build } });
    await repository.commit("another");
    const before = await snapshot(layout.root);
    const { code, error } = await run(repository.folder, layout.root, { SITE_FOLDER: layout.root });
    assert.deepEqual(withoutOutside(await snapshot(layout.root)), withoutOutside(before));
    await assertStagingEmpty(layout);
    assert.ok(error !== undefined);
    return { code, error };
  };
}

/** With the real command. */
export function byCommand(t: TestContext, env: NodeJS.ProcessEnv = {}): Run {
  return async (cwd, site, own) => {
    const args = ["deploy", "--json", "--site-root", site];
    const { code, stdout } = await inplace(t, args, { cwd, env: { ...own, ...env } });
    return { code, error: JSON.parse(stdout).error };
  };
}

/** A pair of keys in a folder of its own. */
export async function keyFiles(t: TestContext) {
  const folder = await temporaryFolder(t);
  const [privateKey, publicKey] = [join(folder, "inplace.key"), join(folder, "inplace.pub")];
  const made = generateKeys();
  await writeFile(privateKey, made.privateKey, { mode: 0o600 });
  await writeFile(publicKey, made.publicKey);
  return { folder, privateKey, publicKey };
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
