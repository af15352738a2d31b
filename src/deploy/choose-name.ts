import { join } from "node:path";
import { artifactName, type BuildIdentity } from "../site/artifact-name.ts";
import type { SiteLayout } from "../site/layout.ts";
import { describeArtifact, matchesManifest, readManifest, type Manifest } from "../site/manifest.ts";
import type { UnnamedIdentity } from "./source.ts";
import { exists, namesIn } from "../site/present.ts";
import { isSignedBy } from "../site/signature.ts";

/**
 * A whole artifact that a deploy built from exactly this commit and these changes, the newest one; undefined for none. With
 * a signing key only one that bears its signature already: whoever runs the site can write what a manifest says.
 */
export async function findBuilt(
  layout: SiteLayout,
  identity: UnnamedIdentity,
  signingKey: string | undefined,
): Promise<Manifest | undefined> {
  // What a host calls a deployment does not say what is in it.
  if (identity.commit === undefined || identity.deployment !== undefined) return undefined;
  const base = artifactName({ ...identity, extension: "" });
  const found: Manifest[] = [];
  for (const file of await namesIn(layout.manifests)) {
    if (!file.startsWith(base) || !file.endsWith(".json")) continue;
    const manifest = await readManifest(layout, file.slice(0, -".json".length));
    if (manifest?.origin !== "deploy" || manifest.commit !== identity.commit) continue;
    if (manifest.dirty !== identity.dirty) continue;
    const path = join(layout.target, manifest.artifact);
    if (!(await matchesManifest(path, manifest))) continue;
    if (signingKey === undefined || (await bearsSignature(path, manifest, signingKey))) found.push(manifest);
  }
  return found.sort((a, b) => b.builtAt.localeCompare(a.builtAt))[0];
}

async function bearsSignature(path: string, manifest: Manifest, signingKey: string): Promise<boolean> {
  if (!(await isSignedBy(manifest, signingKey))) return false;
  const content = await describeArtifact(path).catch(() => undefined); // Unreadable is not what was signed.
  return content?.sha256 === manifest.sha256;
}

/** The first name that is free, or that holds the same content already. */
export async function chooseName(
  layout: SiteLayout,
  identity: BuildIdentity,
  sha256: string,
): Promise<{ readonly artifact: string; readonly taken: boolean }> {
  for (let revision = 1; ; revision++) {
    const artifact = artifactName(identity, revision);
    const path = join(layout.target, artifact);
    if (!(await exists(path))) return { artifact, taken: false };
    const content = await describeArtifact(path).catch(() => undefined); // Unreadable is not the same content.
    if (content?.sha256 === sha256) return { artifact, taken: true };
  }
}
