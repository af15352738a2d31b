import { randomUUID } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { asSiteError, systemCode } from "../errors.ts";
import { createFrom, removeTemporary } from "../site/atomic-file.ts";
import type { SiteLayout } from "../site/layout.ts";
import { manifestPath, manifestText, readManifest, type Manifest } from "../site/manifest.ts";

/** Creates the manifest, or replaces one of other content; true for the one process of several that did it. */
export async function claimManifest(layout: SiteLayout, manifest: Manifest): Promise<boolean> {
  const path = manifestPath(layout, manifest.artifact);
  const aside = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(layout.manifests, { recursive: true });
    for (;;) {
      if (await create(path, manifest)) return true;
      const present = await readManifest(layout, manifest.artifact);
      if (present?.sha256 === manifest.sha256) return false;
      // Of several that find the same outdated manifest, the rename lets one remove it.
      await rename(path, aside).catch(unlessGone);
    }
  } catch (error) {
    throw asSiteError(error, path);
  } finally {
    await removeTemporary(aside);
  }
}

async function create(path: string, manifest: Manifest): Promise<boolean> {
  const whole = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(whole, manifestText(manifest), { flag: "wx" });
    return await createFrom(whole, path);
  } finally {
    await removeTemporary(whole);
  }
}

function unlessGone(error: unknown): void {
  if (systemCode(error) !== "ENOENT") throw error;
}
