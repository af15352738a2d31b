import { randomBytes } from "node:crypto";
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";
import { asSiteError, InplaceError, systemCode } from "../errors.ts";
import type { DeployEvent, EventSink } from "../events.ts";
import { renameRetrying, writeFileAtomic } from "../site/atomic-file.ts";
import { DEPLOY_FOLDER, OWN_FOLDER, POINTER_FILE, TARGET_FOLDER, type SiteLayout } from "../site/layout.ts";
import { moveInto } from "../site/move-into.ts";
import { exists } from "../site/present.ts";
import type { DeployEnvironment } from "./environment.ts";
import { PROVIDED_FILES, sameContent, type SiteFile } from "./site-files.ts";
import type { Staging } from "./staging.ts";

/** Changed site files, copied beside their places and ready to be renamed into them. */
export interface StagedFiles {
  readonly files: readonly { readonly path: string; readonly staged: string }[];
}

/** Copies what differs from the site into staging: whatever can fail for lack of space or a broken disk fails here. */
export async function stageFiles(
  layout: SiteLayout,
  files: readonly SiteFile[],
  staging: Staging,
): Promise<StagedFiles> {
  const changed: { path: string; staged: string }[] = [];
  for (const { path, from, content } of files) {
    const to = join(layout.root, path);
    await expectPlace(layout, path);
    if (await sameContent(content ?? from, to)) continue;
    const staged = join(staging.folder, `file-${changed.length}`);
    try {
      if (content === undefined) await copyFile(from, staged);
      else await writeFile(staged, content);
      await chmod(staged, (await lstat(from)).mode);
    } catch (error) {
      throw asSiteError(error, to);
    }
    changed.push({ path, staged });
  }
  return { files: changed };
}

/** Renames staged files into their places, in order. Throws SYNC_FAILED where another program does not let go of one. */
export async function placeFiles(
  layout: SiteLayout,
  { files }: StagedFiles,
  emit: EventSink<DeployEvent>,
): Promise<void> {
  for (const { path, staged } of files) {
    const to = join(layout.root, path);
    await expectPlace(layout, path);
    await mkdir(dirname(to), { recursive: true });
    try {
      await replace(layout, staged, to);
    } catch (error) {
      const held = process.platform === "win32" && systemCode(error) !== "ENOSPC";
      if (!held) throw asSiteError(error, to);
      throw new InplaceError("SYNC_FAILED", `${to} is held open by another program.`, { cause: error });
    }
    emit({ type: "file-copied", path });
  }
}

// A file that a Windows program has open can often not be replaced, but moved away.
async function replace(layout: SiteLayout, staged: string, to: string): Promise<void> {
  try {
    return await rename(staged, to);
  } catch (error) {
    if (systemCode(error) === "EXDEV") return await moveInto(staged, to);
    if (process.platform !== "win32") throw error;
  }
  const aside = join(layout.staging, `aside-${randomBytes(6).toString("hex")}`);
  await rename(to, aside).catch(() => undefined); // Not even that: the retries below are the last resort.
  await renameRetrying(staged, to);
}

/**
 * Removes files that an earlier deploy copied and that have since gone from the source, and only those; then notes
 * what is synchronised now, for Kudu and for ourselves.
 */
export async function removeGone(
  layout: SiteLayout,
  source: string,
  files: readonly SiteFile[],
  environment: DeployEnvironment,
  emit: EventSink<DeployEvent>,
): Promise<void> {
  const now = new Set(files.filter(({ origin }) => origin === "source").map(({ path }) => path));
  const before = await readLists([layout.synchronised, environment.previousManifest]);
  for (const path of before) {
    if (now.has(path) || !isRemovable(path) || (await exists(join(source, path)))) continue;
    if (await removeFile(layout, path)) emit({ type: "file-removed", path });
  }
  const list = [...now].map((path) => `${path}\n`).join("");
  if ((await readLists([layout.synchronised])).join() !== [...now].join())
    await writeFileAtomic(layout, layout.synchronised, list);
  if (environment.nextManifest !== undefined) await writeFile(environment.nextManifest, list);
}

async function readLists(paths: readonly (string | undefined)[]): Promise<string[]> {
  const found = new Set<string>();
  for (const path of paths) {
    const text = path === undefined ? "" : await readFile(path, "utf8").catch(() => "");
    for (const line of text.split(/\r?\n/)) if (line !== "") found.add(line.replaceAll("\\", "/"));
  }
  return [...found];
}

// The list comes from a file that others can write: it must not lead out of the site nor to what the site needs to run.
function isRemovable(path: string): boolean {
  const [first = "", ...rest] = path.split("/");
  const kept: readonly string[] = [TARGET_FOLDER, OWN_FOLDER, DEPLOY_FOLDER, POINTER_FILE, ...PROVIDED_FILES];
  if (kept.includes(first.toLowerCase())) return false;
  return ![first, ...rest].some((part) => part === "" || part === "." || part === ".." || part.includes(":"));
}

/** Throws LINK_OUTSIDE where a link on the way to the file leads out of the site, or to what it runs. */
async function expectPlace(layout: SiteLayout, path: string): Promise<void> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (!(await exists(join(layout.root, folder)))) continue;
    if (await leadsTo(layout, join(folder, basename(path)))) return;
    const what = `${join(layout.root, folder)} leads out of the site: ${path} would go elsewhere.`;
    throw new InplaceError("LINK_OUTSIDE", what);
  }
}

/** Whether the file lies in the site, outside of what is ours, also once the links on the way to it are followed. */
async function leadsTo({ root }: SiteLayout, path: string): Promise<boolean> {
  const folder = await realpath(dirname(join(root, path))).catch(() => undefined); // Gone, or a link into nothing.
  if (folder === undefined) return false;
  const real = relative(await realpath(root), join(folder, basename(path)));
  return !isAbsolute(real) && (real === path || isRemovable(real.split(sep).join("/")));
}

async function removeFile(layout: SiteLayout, path: string): Promise<boolean> {
  const full = join(layout.root, path);
  if (!(await leadsTo(layout, path))) return false;
  const entry = await lstat(full).catch(() => undefined);
  if (entry?.isFile() !== true) return false;
  try {
    await rm(full);
  } catch (error) {
    // Held open: it stays on the list that Kudu keeps, so a later deploy tries again.
    if (systemCode(error) === "EPERM" || systemCode(error) === "EBUSY") return false;
    throw asSiteError(error, full);
  }
  for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
    const emptied = await rmdir(join(layout.root, folder)).then(
      () => true,
      () => false, // Something of the site's own is in it.
    );
    if (!emptied) break;
  }
  return true;
}
