import { randomUUID } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asSiteError, systemCode } from "../errors.ts";
import { createFrom, removeTemporary } from "../site/atomic-file.ts";
import type { SiteLayout } from "../site/layout.ts";
import { manifestPath, manifestText, readManifest, type Manifest } from "../site/manifest.ts";
import { makeFolders } from "../site/records.ts";

/** A manifest that lies beside its place, whole. */
export interface StagedManifest {
  /** Puts it there, or in place of one of other content; true for the one process of several that did it. */
  claim(): Promise<boolean>;
  /** Removes what lies beside. */
  discard(): Promise<void>;
}

/** Writes everything but the name: what claim does then takes no room on the disk, and needs no other right. */
export async function stageManifest(layout: SiteLayout, manifest: Manifest): Promise<StagedManifest> {
  const path = manifestPath(layout, manifest.artifact);
  const whole = temporaryIn(layout);
  try {
    await makeFolders(layout.manifests, { within: layout.root });
    await writeFile(whole, manifestText(manifest), { flag: "wx" });
  } catch (error) {
    await removeTemporary(whole);
    throw asSiteError(error, path);
  }
  return {
    claim: () => claim(layout, manifest, whole),
    discard: () => removeTemporary(whole),
  };
}

async function claim(layout: SiteLayout, manifest: Manifest, whole: string): Promise<boolean> {
  const path = manifestPath(layout, manifest.artifact);
  const aside = temporaryIn(layout);
  try {
    for (;;) {
      if (await createFrom(whole, path)) return true;
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

/** Without the artifact's name, which may be as long as a name can be. */
function temporaryIn({ manifests }: SiteLayout): string {
  return join(manifests, `claim.${randomUUID()}.tmp`);
}

function unlessGone(error: unknown): void {
  if (systemCode(error) !== "ENOENT") throw error;
}
