import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import { Repository } from "../rig/project.ts";
import { runProgram } from "../rig/program.ts";
import { APP, inplace, writeFiles, type Files } from "../rig/source.ts";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.ts";

export interface PushTarget {
  readonly bare: Repository;
  readonly work: Repository;
  readonly layout: SiteLayout;
  /** Gives what the pusher sees. */
  push(...refs: string[]): Promise<string>;
}

export interface PushTargetOptions {
  /** Of `init --git-hook`. */
  readonly flags?: readonly string[];
  readonly files?: Files;
  /** Of the host, and of the pusher. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A bare repository with the hook, a site, and a working copy with one commit that is not pushed yet. */
export async function pushTarget(t: TestContext, options: PushTargetOptions = {}): Promise<PushTarget> {
  const { flags = [], files = APP, env = {} } = options;
  const layout = await temporarySite(t);
  const folder = await temporaryFolder(t);
  const bare = new Repository(join(folder, "shop.git"));
  const work = new Repository(join(folder, "work"));
  for (const { folder: path } of [bare, work]) await mkdir(path);
  await bare.git("init", "--quiet", "--bare", "--initial-branch=main");
  await work.git("init", "--quiet", "--initial-branch=main");
  await work.git("remote", "add", "origin", bare.folder);
  await writeFiles(work.folder, files);
  await work.commit("one");
  const init = ["init", "--git-hook", "--site-root", layout.root, ...flags];
  const { code, stderr } = await inplace(t, init, { cwd: bare.folder, env });
  assert.equal(code, 0, stderr);
  const push = async (...refs: string[]): Promise<string> => {
    const pushed = await runProgram(t, "git", ["push", "origin", ...refs], { cwd: work.folder, env });
    assert.equal(pushed.code, 0, pushed.stderr);
    return pushed.stderr;
  };
  return { bare, work, layout, push };
}
