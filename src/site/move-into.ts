import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, copyFile, lstat, mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode } from "../errors.ts";
import { renameRetrying } from "./atomic-file.ts";
import { removeTree } from "./remove-tree.ts";

const BESIDE = ".inplace-";
const BESIDE_ENDING = ".tmp";

/**
 * Moves a file or a folder into its place, where it appears whole. On another disk than the site's (`_target` may be a mount, or
 * a link to one) it is copied beside its place first.
 */
export async function moveInto(from: string, to: string): Promise<void> {
  try {
    return await renameRetrying(from, to);
  } catch (error) {
    if (systemCode(error) !== "EXDEV") throw error;
  }
  const beside = join(dirname(to), `${BESIDE}${randomBytes(6).toString("hex")}${BESIDE_ENDING}`);
  try {
    await copy(from, beside);
    await renameRetrying(beside, to);
  } catch (error) {
    await removeTree(beside).catch(() => undefined); // The error says more.
    throw error;
  }
  await removeTree(from).catch(() => undefined); // Staging is cleared by the next deploy.
}

/** Whether a copy goes by that name while it grows. */
export function isBeside(name: string): boolean {
  return name.startsWith(BESIDE) && name.endsWith(BESIDE_ENDING);
}

/** Artifacts hold files and folders only. */
async function copy(from: string, to: string): Promise<void> {
  const found = await lstat(from);
  if (!found.isDirectory()) return await copyFile(from, to, constants.COPYFILE_EXCL);
  await mkdir(to);
  for (const name of await readdir(from)) await copy(join(from, name), join(to, name));
  await chmod(to, found.mode);
}
