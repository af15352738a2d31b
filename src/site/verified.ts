import { lstatSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "./atomic-file.ts";
import type { SiteLayout } from "./layout.ts";
import { manifestPath } from "./manifest.ts";
import { makeFolder } from "./records.ts";

/** Where it is kept which files of an artifact were found to be as its manifest says. */
export function verifiedPath(layout: SiteLayout, artifact: string): string {
  return join(layout.verified, artifact);
}

/**
 * Whether the artifact was found sound before, and no file's size, time or number, nor the manifest, has changed since.
 * Reads no content; in step with the start of a process, hence without promises.
 */
export function isVerified(layout: SiteLayout, artifact: string): boolean {
  try {
    const path = verifiedPath(layout, artifact);
    return lstatSync(path).isFile() && readFileSync(path, "utf8") === filesPrint(layout, artifact);
  } catch {
    return false; // Never looked at, or not to be read now: then it is to be looked at.
  }
}

/** To be taken before the content is read, and recorded after it was found sound. */
export function filesPrint(layout: SiteLayout, artifact: string): string {
  const { size, mtimeNs } = statSync(manifestPath(layout, artifact), { bigint: true });
  return [`manifest ${size} ${mtimeNs}`, ...linesOf(join(layout.target, artifact), "")].join("\n");
}

/** Best effort: without it, the next start reads the content again. */
export async function recordVerified(layout: SiteLayout, artifact: string, asOf?: string): Promise<void> {
  try {
    await makeFolder(layout, layout.verified);
    await writeFileAtomic(layout, verifiedPath(layout, artifact), asOf ?? filesPrint(layout, artifact));
  } catch {
    return; // A full or read-only disk is no reason to fail what was done.
  }
}

function linesOf(path: string, relative: string): string[] {
  const entry = lstatSync(path, { bigint: true });
  if (!entry.isDirectory()) return [`${entry.size} ${entry.mtimeNs} ${entry.ino} ${relative}`];
  return readdirSync(path)
    .sort()
    .flatMap((name) => linesOf(join(path, name), `${relative}/${name}`));
}
