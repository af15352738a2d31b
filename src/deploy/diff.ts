import { InplaceError } from "../errors.ts";
import { validArtifactName } from "../site/artifact-name.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readManifest, type Manifest } from "../site/manifest.ts";

/** How the files of one artifact differ from those of another; paths relative to the artifact, its name where it is a file. */
export interface ArtifactDiff {
  readonly from: string;
  readonly to: string;
  readonly fromCommit: string | undefined;
  readonly toCommit: string | undefined;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  /** Bytes. */
  readonly grown: number;
}

/** From the manifests; no content is read. Throws ARTIFACT_MISSING where one has none. */
export async function diffArtifacts(layout: SiteLayout, from: string, to: string): Promise<ArtifactDiff> {
  const [before, after] = [await manifestOf(layout, from), await manifestOf(layout, to)];
  const old = new Map(before.files.map(({ path, sha256 }) => [path, sha256]));
  const now = new Map(after.files.map(({ path, sha256 }) => [path, sha256]));
  return {
    from,
    to,
    fromCommit: before.commit,
    toCommit: after.commit,
    added: [...now.keys()].filter((path) => !old.has(path)).map((path) => path || to),
    removed: [...old.keys()].filter((path) => !now.has(path)).map((path) => path || from),
    changed: [...now]
      .filter(([path, sha256]) => old.has(path) && old.get(path) !== sha256)
      .map(([path]) => path || to),
    grown: after.size - before.size,
  };
}

async function manifestOf(layout: SiteLayout, artifact: string): Promise<Manifest> {
  const manifest = await readManifest(layout, validArtifactName(artifact));
  if (manifest !== undefined) return manifest;
  throw new InplaceError("ARTIFACT_MISSING", `There is no manifest of ${artifact} in ${layout.manifests}.`);
}
