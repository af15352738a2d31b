import { stat } from "node:fs/promises";
import { join } from "node:path";
import { InplaceError } from "../errors.ts";
import type { SiteLayout } from "./layout.ts";
import {
  describeArtifact,
  manifestPath,
  readManifest,
  type ArtifactContent,
  type Manifest,
} from "./manifest.ts";
import { isSigned, unsigned } from "./signature.ts";
import { requiredKey } from "./trust/required-key.ts";
import { filesPrint, isVerified, recordVerified } from "./verified.ts";

export type Verdict =
  /** As its manifest says; fast: nothing has changed since it was last read. */
  | { readonly state: "sound"; readonly fast: boolean }
  /** Put there, or written to, by hand after the last publish: not adopted yet. */
  | { readonly state: "by-hand" };

/**
 * Looks at an artifact before it is started. Throws ARTIFACT_ALTERED where its content is not what was published though
 * nobody wrote to it since, and, where signatures are required, for anything else than signed content.
 */
export async function verifyArtifact(
  layout: SiteLayout,
  artifact: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Verdict> {
  const key = await requiredKey(layout, env);
  // What cannot be read says nothing about the artifact: neither that it is altered, nor that it is signed.
  const manifest = await readManifest(layout, artifact).catch(() => undefined);
  if (key !== undefined) return await verifySigned(layout, artifact, manifest, key);
  if (manifest === undefined) return { state: "by-hand" };
  if (isVerified(layout, artifact)) return { state: "sound", fast: true };
  const before = filesPrint(layout, artifact);
  const path = join(layout.target, artifact);
  const content = await describeArtifact(path);
  const differing = changedFile(content, manifest);
  if (differing === undefined) {
    await recordVerified(layout, artifact, before);
    return { state: "sound", fast: false };
  }
  if (await isWrittenSince(layout, artifact, join(path, differing))) return { state: "by-hand" };
  throw altered(artifact, differing);
}

// Whoever can write the artifact can write what says that it was verified, so the content is read each time.
async function verifySigned(
  layout: SiteLayout,
  artifact: string,
  manifest: Manifest | undefined,
  key: string,
): Promise<Verdict> {
  if (manifest === undefined || !(await isSigned(manifest, key))) {
    throw unsigned(artifact);
  }
  // What cannot be read cannot be told to be what was signed.
  const content = await describeArtifact(join(layout.target, artifact)).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InplaceError("ARTIFACT_ALTERED", `${artifact} is not what was published: ${why}`, { cause });
  });
  if (content.sha256 !== manifest.sha256) throw altered(artifact, changedFile(content, manifest) ?? "");
  return { state: "sound", fast: false };
}

/** A file of the manifest that is another or gone, "" where that is the artifact; what was added is the app's own. */
function changedFile(content: ArtifactContent, manifest: Manifest): string | undefined {
  const present = new Map(content.files.map(({ path, sha256 }) => [path, sha256]));
  return manifest.files.find(({ path, sha256 }) => present.get(path) !== sha256)?.path;
}

function altered(artifact: string, file: string): InplaceError {
  const which = file === "" ? artifact : `${artifact}/${file}`;
  return new InplaceError("ARTIFACT_ALTERED", `${which} is not what was published.`);
}

/** By the app or by hand after the manifest was made, or put in its place (a move keeps the one time) after the publish. */
async function isWrittenSince(layout: SiteLayout, artifact: string, path: string): Promise<boolean> {
  const [file, manifest, pointer] = await Promise.all(
    [path, manifestPath(layout, artifact), layout.pointer].map((one) => stat(one).catch(() => undefined)),
  );
  if (file === undefined || manifest === undefined || pointer === undefined) return pointer === undefined;
  return file.mtimeMs > manifest.mtimeMs || file.ctimeMs > Math.max(pointer.mtimeMs, pointer.ctimeMs);
}
