import { randomUUID } from "node:crypto";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { asSiteError } from "../errors.ts";
import { packageFile } from "../package-files.ts";
import { writeFileAtomic } from "./atomic-file.ts";
import type { SiteLayout } from "./layout.ts";
import { moveInto } from "./move-into.ts";
import { exists } from "./present.ts";
import { makeFolder, readRecord, refuseForeignLinks } from "./records.ts";
import { removeTree } from "./remove-tree.ts";

/** Where the build puts the bundle of this package. */
const BUNDLE = packageFile("dist/runtime/bundle");

/** One line in the runtime folder: the version that launchers preload. */
export const CURRENT_RUNTIME_FILE = "current";

/** A folder beside that file, and nothing else: whoever may write the file may not choose another program with it. */
const VERSION = /^\w[\w.+-]{0,99}$/;

/** The version that launchers preload; undefined where the site has none. */
export async function currentRuntime(layout: SiteLayout): Promise<string | undefined> {
  const version = (await readRecord(join(layout.runtime, CURRENT_RUNTIME_FILE)))?.trim();
  return version !== undefined && VERSION.test(version) ? version : undefined;
}

/**
 * Puts this package's runtime into the site, in a folder of its version, and makes it the one that launchers preload.
 * What is there already is never written to, since processes may have it loaded. Returns the version.
 */
export async function installRuntime(layout: SiteLayout): Promise<string> {
  const { version } = JSON.parse(await readFile(join(BUNDLE, "bundle.json"), "utf8")) as { version: string };
  const current = join(layout.runtime, CURRENT_RUNTIME_FILE);
  try {
    await copyOnce(layout, version);
    if ((await currentRuntime(layout)) !== version) await writeFileAtomic(layout, current, `${version}\n`);
  } catch (error) {
    throw asSiteError(error, layout.runtime);
  }
  return version;
}

async function copyOnce(layout: SiteLayout, version: string): Promise<void> {
  const folder = join(layout.runtime, version);
  await refuseForeignLinks(layout, folder);
  if (await exists(folder)) return;
  const staged = join(layout.staging, `runtime.${randomUUID()}.tmp`);
  await makeFolder(layout, layout.staging);
  await makeFolder(layout, layout.runtime);
  try {
    await cp(BUNDLE, staged, { recursive: true });
    await moveInto(staged, folder);
  } catch (error) {
    // Another process was first; the content of a version is always the same.
    if (!(await exists(folder))) throw error;
  } finally {
    await removeTree(staged);
  }
}
