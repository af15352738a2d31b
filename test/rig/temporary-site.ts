import { rmSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";

/** Whoever takes what is to be done at its end: a test, or the demo. */
export interface Cleanup {
  after(action: () => Promise<void>): void;
}

/** An empty site in a temporary folder, removed when the test ends. */
export async function temporarySite(t: Cleanup): Promise<SiteLayout> {
  const layout = siteLayout(await temporaryFolder(t));
  await mkdir(layout.target);
  return layout;
}

const WITH_ALL = { recursive: true, force: true, maxRetries: 10 } as const;

/**
 * Its name holds a space, since paths of real sites do. Removed when the test ends; where something still writes to it
 * then, when this process ends: a failure would keep what the test has yet to end from being ended.
 */
export async function temporaryFolder(t: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), "inplace "));
  t.after(() => rm(folder, WITH_ALL).catch(() => void process.once("exit", () => rmSync(folder, WITH_ALL))));
  return folder;
}

/** Puts a file straight into the target folder, as a person would by hand. */
export async function drop(
  layout: SiteLayout,
  name: string,
  content: string | Uint8Array = `// ${name}\n`,
): Promise<string> {
  const path = join(layout.target, name);
  await writeFile(path, content);
  return path;
}

/** Ends once the file system's clock, which ticks every few milliseconds, is past the last change of the file. */
export async function clockPasses(layout: SiteLayout, path: string): Promise<void> {
  const probe = join(layout.root, "clock");
  const changedAt = async (file: string): Promise<bigint> => (await stat(file, { bigint: true })).ctimeNs;
  const last = await changedAt(path);
  do await writeFile(probe, "");
  while ((await changedAt(probe)) <= last);
  await rm(probe);
}
