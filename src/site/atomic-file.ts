import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemCode } from "../errors.ts";
import type { SiteLayout } from "./layout.ts";
import { besideOf } from "./beside.ts";
import { asRecordError, makeFolder, refuseForeignLinks } from "./records.ts";

/** How long a rename is tried again while another program holds the file (virus scanners, readers). */
export const RENAME_RETRY_MS = 10_000;
const RENAME_RETRY_STEP_MS = 20;
/** Not for want of hard links. */
const FINAL: ReadonlySet<string> = new Set(["EEXIST", "ENOENT", "ENOSPC", "EDQUOT", "EROFS"]);
const HELD_BY_OTHERS: ReadonlySet<string> = new Set(["EPERM", "EACCES", "EBUSY"]);

/** Replaces a file as a whole: readers see the old content or the new, also when this process is killed. */
export async function writeFileAtomic(
  layout: SiteLayout,
  path: string,
  content: string | Buffer,
): Promise<void> {
  try {
    await makeFolder(layout, layout.staging);
    // Without the name of what it becomes, which may be as long as a name can be.
    const temporary = join(layout.staging, `record.${randomBytes(6).toString("hex")}.tmp`);
    await replaceBy(layout, temporary, path, content).catch(async (error: unknown) => {
      if (systemCode(error) !== "EXDEV") throw error;
      await replaceBy(layout, besideOf(path), path, content);
    });
  } catch (error) {
    throw asRecordError(error, path);
  }
}

async function replaceBy(
  layout: SiteLayout,
  temporary: string,
  path: string,
  content: string | Buffer,
): Promise<void> {
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await refuseForeignLinks(layout, dirname(path));
    await renameRetrying(temporary, path);
  } catch (error) {
    await removeTemporary(temporary);
    throw error;
  }
}

/** For the end of what may have failed: why it did says more than that its remains could not be removed either. */
export async function removeTemporary(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
}

/**
 * Gives a whole file a second name, unless that is taken: then false. It appears with its content at once where the file
 * system has hard links; elsewhere it is written in its place, exclusively.
 */
export async function createFrom(temporary: string, path: string): Promise<boolean> {
  return await whileHeldByOthers(async () => {
    try {
      await link(temporary, path).catch(async (error: unknown) => {
        if (FINAL.has(systemCode(error) ?? "")) throw error;
        await copyFile(temporary, path, constants.COPYFILE_EXCL);
      });
      return true;
    } catch (error) {
      if (systemCode(error) === "EEXIST") return false;
      throw error;
    }
  });
}

/** Renames; on Windows tried again while somebody has the file open, at most RENAME_RETRY_MS. */
export async function renameRetrying(from: string, to: string): Promise<void> {
  await whileHeldByOthers(() => rename(from, to));
}

/** On Windows, tries again what fails because somebody has the file open, at most RENAME_RETRY_MS. */
export async function whileHeldByOthers<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + RENAME_RETRY_MS;
  for (let step = RENAME_RETRY_STEP_MS; ; step = Math.min(step * 2, 500)) {
    try {
      return await work();
    } catch (error) {
      const held = process.platform === "win32" && HELD_BY_OTHERS.has(systemCode(error) ?? "");
      if (!held || Date.now() + step > deadline) throw error;
    }
    await delay(step);
  }
}
