import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import { start, type Started } from "../runtime/launched-site.ts";
import { PROJECT, Repository } from "./project.ts";
import { runProgram, startProgram, type Program, type ProgramResult } from "./program.ts";
import { temporaryFolder, temporarySite, type Cleanup } from "./temporary-site.ts";

/** Relative path → content; an object is written as JSON. */
export type Files = Readonly<Record<string, string | object>>;

/** An app that needs no package; it prints its answer and ends. */
export const APP: Files = { "server.mjs": "console.log('one');\n" };

export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const text = typeof content === "string" ? content : JSON.stringify(content, null, 2);
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** A repository with one commit of these files, called `shop`. */
export async function sourceRepository(t: Cleanup, files: Files = APP): Promise<Repository> {
  const folder = join(await temporaryFolder(t), "shop");
  await mkdir(folder);
  const repository = new Repository(folder);
  await repository.git("init", "--quiet", "--initial-branch=main");
  await writeFiles(folder, files);
  await repository.commit("one");
  return repository;
}

/** A repository and a site of its own beside it, as under Kudu. */
export async function sourceAndSite(
  t: Cleanup,
  files: Files = APP,
): Promise<{ repository: Repository; layout: SiteLayout }> {
  return { repository: await sourceRepository(t, files), layout: await temporarySite(t) };
}

export interface CommandOptions {
  readonly cwd: string;
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs the real command; nothing of the caller's environment says where to deploy. */
export function inplace(
  t: Cleanup,
  args: readonly string[],
  options: CommandOptions,
): Promise<ProgramResult> {
  return runProgram(t, process.execPath, [COMMAND, ...args], {
    ...options,
    env: { ...NEUTRAL, ...options.env },
  });
}

export function startInplace(t: Cleanup, args: readonly string[], options: CommandOptions): Program {
  return startProgram(t, process.execPath, [COMMAND, ...args], {
    ...options,
    env: { ...NEUTRAL, ...options.env },
  });
}

/** The command as a person has it: in a terminal (util-linux' script), which takes `process.stdin` for the keyboard. */
export function atTerminal(t: TestContext, args: readonly string[], cwd: string): Started {
  const line = [process.execPath, COMMAND, ...args].map((word) => `'${word}'`).join(" ");
  return start(t, "script", ["-qec", line, "/dev/null"], { cwd, env: NEUTRAL, stdin: "pipe" });
}

/** What Kudu sets for a deployment of the repository into the site. */
export function kuduEnvironment(repository: Repository, layout: SiteLayout): NodeJS.ProcessEnv {
  return {
    DEPLOYMENT_SOURCE: repository.folder,
    DEPLOYMENT_TARGET: layout.root,
    WEBSITE_SITE_NAME: "mysite",
  };
}

const COMMAND = join(PROJECT, "bin", "inplace.js");
/** Nothing in it says where to deploy. */
export const NEUTRAL: NodeJS.ProcessEnv = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) =>
      /^(DEPLOYMENT_|SCM_|WEBSITE_|INPLACE_|GIT_|POST_DEPLOYMENT|IN_PLACE|NEXT_MANIFEST|PREVIOUS_)/.test(
        name,
      ),
    )
    .map((name) => [name, undefined]),
);
