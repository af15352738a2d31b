import { lstat, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { asSiteError, InplaceError, systemCode } from "../errors.ts";
import { validArtifactName } from "../site/artifact-name.ts";
import type { SiteLayout } from "../site/layout.ts";
import {
  describeArtifact,
  manifestPath,
  manifestText,
  parseManifest,
  readManifest,
  writeManifest,
  type Manifest,
} from "../site/manifest.ts";
import { signManifest } from "../site/signature.ts";
import { makeFolders } from "../site/records.ts";

/** What is to be signed, read here and now: what a manifest said of it before counts for its commit and time alone. */
export interface Signing {
  readonly manifest: Manifest;
  /** Where the signed manifest goes. */
  readonly file: string;
  write(manifest: Manifest): Promise<void>;
}

/** An artifact of the site's `_target`. Throws ARTIFACT_MISSING, ARTIFACT_INCOMPLETE or ARTIFACT_ALTERED. */
export async function signingInSite(layout: SiteLayout, name: string): Promise<Signing> {
  const artifact = validArtifactName(name);
  return {
    manifest: await described(join(layout.target, artifact), await readManifest(layout, artifact)),
    file: manifestPath(layout, artifact),
    write: (manifest) => writeManifest(layout, manifest),
  };
}

/** An artifact anywhere; its manifest lies, or will lie, in the folder `out` as NAME.json. Throws as signingInSite does. */
export async function signingOf(path: string, out: string): Promise<Signing> {
  const artifact = validArtifactName(basename(path));
  const file = join(out, `${artifact}.json`);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT") throw asSiteError(error, file);
    return undefined;
  });
  return {
    manifest: await described(path, text === undefined ? undefined : parseManifest(text, artifact)),
    file,
    write: async (manifest) => {
      try {
        await makeFolders(out);
        await writeFile(file, manifestText(manifest));
      } catch (error) {
        throw asSiteError(error, file);
      }
    },
  };
}

/** Signs what was described. Throws SIGNING_KEY_INVALID. */
export async function signAll(signings: readonly Signing[], keyFile: string): Promise<void> {
  const signed = await Promise.all(signings.map(({ manifest }) => signManifest(manifest, keyFile)));
  for (const [index, manifest] of signed.entries()) await signings[index]?.write(manifest);
}

async function described(path: string, before: Manifest | undefined): Promise<Manifest> {
  await lstat(path).catch((cause: unknown) => {
    throw new InplaceError("ARTIFACT_MISSING", `There is no ${path}.`, { cause });
  });
  const content = await describeArtifact(path);
  if (before === undefined) {
    const builtAt = new Date().toISOString();
    return { schemaVersion: 1, artifact: basename(path), origin: "deploy", builtAt, ...content };
  }
  if (before.sha256 === content.sha256) return { ...before, ...content };
  const what = `${path} is not what its manifest says: ${content.sha256}, and not ${before.sha256}.`;
  throw new InplaceError("ARTIFACT_ALTERED", what, {
    hint: "Find out who changed it; deploy the commit again, then sign that.",
  });
}
