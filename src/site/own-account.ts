import { randomBytes } from "node:crypto";
import { lstat, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { asSiteError, InplaceError } from "../errors.ts";

/**
 * A file that this process makes in a folder, gone again: whose it is there, and with which rights. On a share a process may
 * be another account than elsewhere, and there are file systems without rights.
 */
export async function ownFileIn(folder: string): Promise<{ readonly uid: number; readonly mode: number }> {
  const path = join(folder, `.${randomBytes(6).toString("hex")}.tmp`);
  const file = await open(path, "wx", 0o600);
  try {
    return await file.stat();
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
}

/** Throws OTHER_ACCOUNT where the folder is neither this account's nor root's, or is no folder; what is not there is ours. */
export async function expectOwn(folder: string, hint: string): Promise<void> {
  const found = await lstat(folder).catch(() => undefined);
  if (found === undefined) return;
  const me = found.isDirectory() && found.uid !== 0 ? await uidIn(folder) : found.uid;
  if (found.isDirectory() && found.uid === me) return;
  const what = `${folder} ${found.isDirectory() ? `belongs to account ${found.uid}` : "is no folder"}.`;
  throw new InplaceError("OTHER_ACCOUNT", what, { hint });
}

async function uidIn(folder: string): Promise<number> {
  try {
    return (await ownFileIn(folder)).uid;
  } catch (error) {
    throw asSiteError(error, folder);
  }
}
