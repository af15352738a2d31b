import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { clearFailed } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { describeArtifact, writeManifest } from "#src/site/manifest.js";
import { writePointer } from "#src/site/pointer.js";

/** Paths relative to the artifact, with "/", and their content. */
export type Files = Readonly<Record<string, string>>;

/** What no release can be started from, though it can be copied and packed: its entry file is a folder. */
export function folderAsEntry(program: string): Files {
  return { "index.mjs": program, "_entry.txt/note.txt": "not a file\n" };
}

export async function writeFolder(folder: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** Puts a folder into the target folder whole, as a person would move it there. */
export async function dropFolder(layout: SiteLayout, artifact: string, files: Files): Promise<void> {
  const aside = join(layout.root, `${artifact} aside`);
  await writeFolder(aside, files);
  await rename(aside, join(layout.target, artifact));
}

/** Publishes a folder as deploy does; `before` is done to it last. */
export async function publishFolder(
  layout: SiteLayout,
  artifact: string,
  files: Files,
  before: (folder: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const staged = join(layout.staging, artifact);
  await writeFolder(staged, files);
  await writeManifest(layout, {
    schemaVersion: 1,
    artifact,
    origin: "deploy",
    builtAt: new Date().toISOString(),
    ...(await describeArtifact(staged)),
  });
  await before(staged);
  await rename(staged, join(layout.target, artifact));
  await clearFailed(layout, artifact);
  await writePointer(layout, artifact);
}
