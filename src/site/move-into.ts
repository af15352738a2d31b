import { constants } from "node:fs";
import { chmod, copyFile, lstat, mkdir, readdir, readlink, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../errors.ts";
import { renameRetrying } from "./atomic-file.ts";
import { besideOf } from "./beside.ts";
import { removeTree } from "./remove-tree.ts";

/**
 * Moves a file or a folder into its place, where it appears whole. On another disk (each folder of a site may be a mount,
 * or a link to one) it is copied beside its place first.
 */
export async function moveInto(from: string, to: string): Promise<void> {
  try {
    return await renameRetrying(from, to);
  } catch (error) {
    if (systemCode(error) !== "EXDEV") throw error;
  }
  const beside = besideOf(to);
  try {
    await copy(from, beside);
    await renameRetrying(beside, to);
  } catch (error) {
    await removeTree(beside).catch(() => undefined); // The error says more.
    throw error;
  }
  await removeTree(from).catch(() => undefined); // Staging is cleared by the next deploy.
}

/** Renames what is to be removed, so that nobody finds half of it; gives where it is: beside its place, if `aside` is on another disk. */
export async function moveAside(path: string, aside: string): Promise<string> {
  try {
    await rename(path, aside);
    return aside;
  } catch (error) {
    if (systemCode(error) !== "EXDEV") throw error;
  }
  const beside = besideOf(path);
  await rename(path, beside);
  return beside;
}

/** What builds leave beside their artifacts may hold links too. */
async function copy(from: string, to: string): Promise<void> {
  const found = await lstat(from);
  if (found.isSymbolicLink()) return await symlink(await readlink(from), to);
  if (!found.isDirectory()) return await copyFile(from, to, constants.COPYFILE_EXCL);
  await mkdir(to);
  for (const name of await readdir(from)) await copy(join(from, name), join(to, name));
  await chmod(to, found.mode);
}
