import assert from "node:assert/strict";
import { test } from "node:test";
import type { BuildConfig } from "#src/config/config.js";
import { untoldFolder } from "#src/deploy/infer/made-folder.js";
import { sourceRepository, writeFiles } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";

const built = (directory: string, start?: string): BuildConfig => ({
  builder: "directory",
  command: ["npm", "run", "build"],
  directory,
  ...(start !== undefined && { start }),
});

test("init has git ignore the folder that the build step fills, and no folder of sources", async (t) => {
  const { folder } = await sourceRepository(t, {
    "src/main.js": "",
    "build/kept.js": "",
    ".gitignore": "**/out\n",
  });
  await writeFiles(folder, { "dist/main.js": "", "lib/new.js": "" });
  const cases: readonly [build: BuildConfig, made: string | undefined][] = [
    [built(".", "node dist/main"), "dist"],
    [built(".", "NODE_ENV=x node --enable-source-maps ./dist/main.js"), "dist"],
    [built(".output"), ".output"],
    [built("docs/.vitepress/dist"), "docs/.vitepress/dist"],
    [built(".", "node src/main.js"), undefined],
    [built(".", "node lib/new.js"), undefined],
    [built("build"), undefined],
    [built("out"), undefined],
    [built(".", "node server.js"), undefined],
    [built(".", "next start"), undefined],
    [{ builder: "directory", directory: "dist" }, undefined],
  ];
  for (const [build, made] of cases)
    assert.equal(await untoldFolder(folder, build), made, JSON.stringify(build));
  assert.equal(await untoldFolder(await temporaryFolder(t), built("dist")), "dist", "before git init");
});
