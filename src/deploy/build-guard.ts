import { randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { InplaceError } from "../errors.ts";
import { isInside } from "../paths.ts";
import { writeFileAtomic } from "../site/atomic-file.ts";
import { isBeside } from "../site/beside.ts";
import { DEPLOY_FOLDER, OWN_FOLDER, POINTER_FILE, TARGET_FOLDER, type SiteLayout } from "../site/layout.ts";
import { readManifest } from "../site/manifest.ts";
import { moveInto } from "../site/move-into.ts";
import { readPointer } from "../site/pointer.ts";
import { readRecordBytes } from "../site/records.ts";
import { spelled, WEB_CONFIG } from "../site/windows-names.ts";
import { LAUNCHERS } from "./site-files.ts";
import type { Staging } from "./staging.ts";

/** Small files of the contract, put back as they were when a build has touched them. */
const GUARDED_FILES = [POINTER_FILE, WEB_CONFIG, ...LAUNCHERS] as const;

/** What is ours, and changes with what we do. */
const OWN: ReadonlySet<string> = new Set([OWN_FOLDER, DEPLOY_FOLDER]);

/** The site as it was before a build. */
export interface BuildGuard {
  /**
   * Puts back what the build touched and gives those paths, relative to the site root. New entries in the site root count
   * only where the build made nothing: a running site may write there.
   */
  restore(made: "artifact" | "nothing"): Promise<string[]>;
}

/**
 * Watches over the site while a foreign build runs. What is new is moved to `.inplace-deploy/outside`, never deleted: it might
 * be a drop by hand that came at the same moment.
 */
export async function guardSite(layout: SiteLayout, source: string): Promise<BuildGuard> {
  const target = await entriesOf(layout.target);
  const root = await entriesOf(layout.root);
  const contents = new Map<string, Buffer | undefined>();
  for (const name of GUARDED_FILES) {
    const path = name === WEB_CONFIG ? spelled(layout.webConfig) : join(layout.root, name);
    contents.set(basename(path), await readBytes(path));
  }
  // A source inside the site is built in place: its dist folder is no stray.
  const watchesRoot = !(await contains(layout.root, source));
  return {
    restore: async (made) => {
      const strays = await putBack(layout, contents);
      strays.push(...(await moveAway(layout, TARGET_FOLDER, target)));
      if (made === "nothing" && watchesRoot) strays.push(...(await moveAway(layout, "", root)));
      return strays;
    },
  };
}

/** Throws BUILD_OUTSIDE for whatever the build wrote beside its artifact. */
export async function expectOnly(staging: Staging, artifact: string): Promise<void> {
  const others = (await readdir(staging.output)).filter((name) => name !== basename(artifact));
  if (others.length > 0) throw buildOutside(others);
}

export function buildOutside(paths: readonly string[]): InplaceError {
  return new InplaceError(
    "BUILD_OUTSIDE",
    `The build wrote elsewhere than to ARTIFACT: ${paths.join(", ")}.`,
  );
}

async function putBack(
  layout: SiteLayout,
  before: ReadonlyMap<string, Buffer | undefined>,
): Promise<string[]> {
  const changed: string[] = [];
  for (const [name, content] of before) {
    const path = join(layout.root, name);
    const now = await readBytes(path);
    if (now === content || (content !== undefined && now?.equals(content) === true)) continue;
    if (name === POINTER_FILE && (await namesDrop(layout))) continue;
    if (content === undefined) await setOutside(layout, path);
    else await writeFileAtomic(layout, path, content);
    changed.push(name);
  }
  return changed;
}

async function moveAway(layout: SiteLayout, folder: string, before: Entries): Promise<string[]> {
  const strays: string[] = [];
  for (const [name, signature] of await entriesOf(join(layout.root, folder))) {
    if (before.get(name) === signature || isBeside(name) || (folder === "" && OWN.has(name))) continue;
    if (folder === "" && before.has(name)) continue;
    // A running watcher has adopted it: somebody's drop, and whole.
    if (folder === TARGET_FOLDER && (await readManifest(layout, name))?.origin === "drop") continue;
    if (!before.has(name)) await setOutside(layout, join(layout.root, folder, name));
    strays.push(folder === "" ? name : `${folder}/${name}`);
  }
  return strays;
}

async function setOutside(layout: SiteLayout, path: string): Promise<void> {
  await mkdir(layout.outside, { recursive: true });
  await moveInto(path, join(layout.outside, `${basename(path)}.${randomBytes(3).toString("hex")}`));
}

/** Name → what changes when a file does; a folder counts by its name alone, since programs write into their own. */
type Entries = ReadonlyMap<string, string>;

async function entriesOf(folder: string): Promise<Entries> {
  const found = new Map<string, string>();
  for (const name of await readdir(folder).catch(() => [])) {
    const entry = await lstat(join(folder, name)).catch(() => undefined);
    if (entry === undefined) continue;
    found.set(name, entry.isFile() ? `${entry.ino} ${entry.size} ${entry.mtimeMs}` : "folder");
  }
  return found;
}

async function namesDrop(layout: SiteLayout): Promise<boolean> {
  const pointer = await readPointer(layout);
  return pointer.state === "names" && (await readManifest(layout, pointer.artifact))?.origin === "drop";
}

function readBytes(path: string): Promise<Buffer | undefined> {
  return readRecordBytes(path).catch(() => undefined); // What cannot be read cannot be put back.
}

async function contains(folder: string, path: string): Promise<boolean> {
  return isInside(await realpath(folder), await realpath(path));
}
