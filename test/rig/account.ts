import { chmod, chown, lchown, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Accounts that need no name. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Who runs the site, and somebody else on the machine; undefined where tests run as one who cannot become them. */
export const ACCOUNTS: { readonly site: Account; readonly stranger: Account } | undefined =
  process.getuid?.() === 0
    ? { site: { uid: 6001, gid: 6001 }, stranger: { uid: 6002, gid: 6002 } }
    : undefined;

/** Gives a folder and everything in it to an account. */
export async function giveTo({ uid, gid }: Account, folder: string): Promise<void> {
  await chown(folder, uid, gid);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await giveTo({ uid, gid }, path);
    else await lchown(path, uid, gid);
  }
}

/** Makes a file or folder unreadable for the account that runs the site, whatever that is. */
export async function seal(path: string): Promise<void> {
  if (ACCOUNTS !== undefined) await chown(path, 0, 0);
  await chmod(path, 0);
}
