import { copyFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deploy } from "../deploy/deploy.ts";
import { readEnvironment } from "../deploy/environment.ts";
import { expectAnswer, tryArtifact } from "../deploy/trial.ts";
import { siteLayout } from "../site/layout.ts";
import { CURRENT_RUNTIME_FILE } from "../site/runtime-bundle.ts";
import type { VerbContext } from "./verb.ts";

/** From the start to the first answer, milliseconds. */
const ANSWER_MS = 30_000;

export interface CheckedApp {
  readonly artifact: string;
  readonly status: number;
  readonly buildMs: number;
  readonly answerMs: number;
}

/** Deploys the app into a temporary site, starts it there as a launcher does, and asks it once. Throws START_FAILED. */
export async function checkApp({ cwd, env, signal, emit }: VerbContext): Promise<CheckedApp> {
  const layout = siteLayout(await realpath(await mkdtemp(join(tmpdir(), "inplace-check-"))));
  try {
    await mkdir(layout.target);
    const { artifact, ms: buildMs } = await deploy({
      layout,
      source: cwd,
      wanted: { by: "none" },
      environment: readEnvironment({}),
      env,
      rebuild: false,
      waitMs: undefined,
      signingKey: undefined,
      signal,
      // That it goes live is true of the temporary site alone.
      emit: (event) => (event.type.startsWith("build-") ? emit(event) : undefined),
    });
    await copyEnvFiles(cwd, layout.root);
    const version = (await readFile(join(layout.runtime, CURRENT_RUNTIME_FILE), "utf8")).trim();
    const tried = await tryArtifact(join(layout.target, artifact), {
      cwd: layout.root,
      env: { ...env, INPLACE_SITE_ROOT: layout.root, INPLACE_ARTIFACT: artifact },
      // As launchers name it; an app that goes to another folder has to cope.
      preload: `./.inplace/runtime/${version}/register.mjs`,
      limitMs: ANSWER_MS,
      signal,
    });
    const answerMs = expectAnswer(artifact, tried);
    return { artifact, status: tried.result === "answered" ? tried.status : 0, buildMs, answerMs };
  } finally {
    await rm(layout.root, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** They are no part of an artifact; a site has them beside it, and the folder that is checked will be one. */
async function copyEnvFiles(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) {
    if (!/^\.env(\..+)?$/.test(name)) continue;
    const file = join(from, name);
    const found = await stat(file).catch(() => undefined); // A link into nothing.
    if (found?.isFile() === true) await copyFile(file, join(to, name));
  }
}
