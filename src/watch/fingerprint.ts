import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Over size and times of everything in an artifact; equal as long as nobody writes to it. Throws what lstat throws. */
export async function fingerprint(path: string): Promise<string> {
  return createHash("sha256")
    .update(await sizeAndTimes(path))
    .digest("hex");
}

async function sizeAndTimes(path: string): Promise<string> {
  const stats = await lstat(path, { bigint: true });
  const own = `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
  if (!stats.isDirectory()) return own;
  const names = (await readdir(path)).sort();
  const nested: string[] = [own];
  for (const name of names) nested.push(await sizeAndTimes(join(path, name)));
  return nested.join("\n");
}

/** When it came to lie there or was last written, nanoseconds: a copy may keep an old mtime, a rename keeps every mtime. */
export function changedAt(stats: BigIntStats): bigint {
  return stats.mtimeNs > stats.ctimeNs ? stats.mtimeNs : stats.ctimeNs;
}
