import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { asSiteError, InplaceError } from "../../errors.ts";
import { makeFolders } from "../records.ts";

const WRITABLE_BY_OTHERS = 0o022;
const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/**
 * Makes a folder that no other account can write, or throws SITE_NOT_WRITABLE. Where everybody may write its parent, anybody
 * could put another in its place. On Windows the rights of the site's root are inherited, and nothing is checked.
 */
export async function ownFolder(path: string): Promise<void> {
  try {
    await makeFolders(path, { mode: 0o755 });
  } catch (error) {
    throw asSiteError(error, path);
  }
  const me = process.geteuid?.();
  if (me === undefined) return;
  const [own, parent] = await Promise.all([lstat(path), lstat(dirname(path))]);
  const mine = own.isDirectory() && own.uid === me && (own.mode & WRITABLE_BY_OTHERS) === 0;
  const replaceable = (parent.mode & WRITABLE_BY_ALL) !== 0 && (parent.mode & STICKY) === 0;
  if (mine && !replaceable) return;
  const what = `${path} can be written by another account than the one that starts releases from it.`;
  throw new InplaceError("SITE_NOT_WRITABLE", what, {
    hint: `Remove ${path}, and let nobody else write the folder that holds it.`,
  });
}
