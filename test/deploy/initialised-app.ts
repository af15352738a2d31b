import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { freePort } from "../rig/free-port.ts";
import { pageOf } from "../rig/page.ts";
import { PROJECT, type Repository } from "../rig/project.ts";
import { startProgram } from "../rig/program.ts";
import { inplace, sourceRepository, type Files } from "../rig/source.ts";
import { until } from "../rig/until.ts";

const SERVED_MS = 60_000;

/** An app of somebody's with its packages installed, this one among them, after `inplace init`. */
export async function initialised(
  t: TestContext,
  files: Files,
  install: (modules: string) => Promise<unknown> = linkOurs,
): Promise<Repository> {
  const repository = await sourceRepository(t, files);
  const modules = join(repository.folder, "node_modules");
  await mkdir(join(modules, ".bin"), { recursive: true });
  await install(modules);
  await script(
    join(modules, ".bin", "inplace-deploy"),
    `exec node "${join(PROJECT, "bin", "inplace.js")}" "$@"`,
  );
  const { code, stderr } = await inplace(t, ["init"], { cwd: repository.folder });
  assert.equal(code, 0, stderr);
  await repository.commit("deployed in place");
  return repository;
}

async function linkOurs(modules: string): Promise<void> {
  for (const name of ["express", "fastify"])
    await symlink(join(PROJECT, "node_modules", name), join(modules, name));
}

export async function script(path: string, line: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
}

/** bash deploy.sh --serve, until its page holds the text; gives its port. */
export async function deployedAndServed(t: TestContext, folder: string, page: string): Promise<number> {
  const port = await freePort();
  const served = startProgram(t, "bash", ["deploy.sh", "--serve", "--port", String(port)], { cwd: folder });
  const isServed = async (): Promise<boolean> => (await pageOf(port).catch(() => "")).includes(page);
  await until(`a page with ${page}`, isServed, SERVED_MS).catch((error: unknown) => {
    throw new Error(`${served.stdout}\n${served.stderr}`, { cause: error });
  });
  return port;
}
