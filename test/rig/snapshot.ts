import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** Every file below a folder with its mode and a hash of its content: two equal snapshots are the same files. */
export async function snapshot(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const names = await readdir(folder, { recursive: true });
  for (const name of names.sort()) {
    const path = join(folder, name);
    const entry = await lstat(path);
    if (entry.isDirectory()) continue;
    const content = entry.isSymbolicLink() ? await readlink(path) : await readFile(path);
    found[name] = `${entry.mode.toString(8)} ${createHash("sha256").update(content).digest("hex")}`;
  }
  return found;
}
