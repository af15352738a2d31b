import { lstatSync, type BigIntStats } from "node:fs";
import { lstat } from "node:fs/promises";

/**
 * Which file or folder is there; differs once it is replaced. Of a file also size and modification, as it may be
 * overwritten where it lies; not of a folder, as apps write into theirs. "gone" where there is none.
 */
export async function identity(path: string): Promise<string> {
  return identityOf(await lstat(path, { bigint: true }).catch(() => undefined));
}

/** The same at once: for a process that looks at its own artifact before the app runs. */
export function identityNow(path: string): string {
  try {
    return identityOf(lstatSync(path, { bigint: true }));
  } catch {
    return identityOf(undefined);
  }
}

function identityOf(stats: BigIntStats | undefined): string {
  if (stats === undefined) return "gone";
  return stats.isDirectory()
    ? `${stats.ino}:${stats.birthtimeNs}`
    : `${stats.ino}:${stats.size}:${stats.mtimeNs}`;
}
