import { randomUUID } from "node:crypto";
import { link, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { asSiteError, systemCode } from "../errors.ts";
import type { SiteLayout } from "../site/layout.ts";
import { manifestPath, readManifest, writeManifest, type Manifest } from "../site/manifest.ts";

const NO_LINKS_HERE: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EISDIR"]);

/** Creates the manifest, or replaces one of other content; true for the one process of several that did it. */
export async function claimManifest(layout: SiteLayout, manifest: Manifest): Promise<boolean> {
  const path = manifestPath(layout, manifest.artifact);
  const aside = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(layout.manifests, { recursive: true });
    for (;;) {
      if (await createWhole(layout, manifest, path)) return true;
      const present = await readManifest(layout, manifest.artifact);
      if (present?.sha256 === manifest.sha256) return false;
      // Of several that find the same outdated manifest, the rename lets one remove it.
      await rename(path, aside).catch(unlessGone);
    }
  } catch (error) {
    throw asSiteError(error, path);
  } finally {
    await rm(aside, { force: true });
  }
}

/** A link appears with its whole content or not at all, and never replaces. */
async function createWhole(layout: SiteLayout, manifest: Manifest, path: string): Promise<boolean> {
  const whole = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(whole, `${JSON.stringify(manifest, null, 2)}\n`, { flag: "wx" });
    await link(whole, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    if (!NO_LINKS_HERE.has(systemCode(error) ?? "")) throw error;
    await writeManifest(layout, manifest);
    return true;
  } finally {
    await rm(whole, { force: true });
  }
}

function unlessGone(error: unknown): void {
  if (systemCode(error) !== "ENOENT") throw error;
}
