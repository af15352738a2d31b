import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What can be told of an artifact without reading it. */
export interface Outline {
  /** Over size and times of everything in it; equal as long as nobody writes to it. */
  readonly print: string;
  readonly bytes: number;
}

/** Throws what lstat throws. */
export async function outlineOf(path: string): Promise<Outline> {
  const lines: string[] = [];
  let bytes = 0n;
  const walk = async (at: string): Promise<void> => {
    const stats = await lstat(at, { bigint: true });
    lines.push(`${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`);
    if (!stats.isDirectory()) bytes += stats.size;
    else for (const name of (await readdir(at)).sort()) await walk(join(at, name));
  };
  await walk(path);
  return { print: createHash("sha256").update(lines.join("\n")).digest("hex"), bytes: Number(bytes) };
}

export async function fingerprint(path: string): Promise<string> {
  return (await outlineOf(path)).print;
}

/** When it came to lie there or was last written, nanoseconds: a copy may keep an old mtime, a rename keeps every mtime. */
export function changedAt(stats: BigIntStats): bigint {
  return stats.mtimeNs > stats.ctimeNs ? stats.mtimeNs : stats.ctimeNs;
}
