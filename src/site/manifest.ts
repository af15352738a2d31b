import { createHash } from "node:crypto";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { InplaceError } from "../errors.ts";
import {
  isListOf,
  isOneOf,
  isText,
  isTime,
  isWhole,
  orAbsent,
  parseShape,
  withFields,
  type Check,
} from "../record-shape.ts";
import { writeFileAtomic } from "./atomic-file.ts";
import type { SiteLayout } from "./layout.ts";
import { makeFolder, openPlain, readRecord } from "./records.ts";

export interface ManifestFile {
  /** Relative to the artifact, with "/"; "" where the artifact is a single file. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** What an artifact consists of. Sizes in bytes, hashes in hexadecimal. */
export interface ArtifactContent {
  readonly kind: "file" | "folder";
  readonly size: number;
  /** Over path, size and hash of every file, in order of path. */
  readonly sha256: string;
  readonly files: readonly ManifestFile[];
}

export interface Manifest extends ArtifactContent {
  readonly schemaVersion: 1;
  readonly artifact: string;
  /** "deploy": built by us; "drop": put into the target folder by hand and adopted. */
  readonly origin: "deploy" | "drop";
  /** When it was built or adopted, ISO 8601. */
  readonly builtAt: string;
  /** How it was built: the builder and its command, for people to read. */
  readonly builder?: string;
  readonly commit?: string;
  readonly subject?: string;
  readonly author?: string;
  readonly dirty?: string;
  readonly signature?: ManifestSignature;
}

export interface ManifestSignature {
  /** Which key: the first digits of the SHA-256 of its public part. */
  readonly key: string;
  /** Ed25519, base64. */
  readonly value: string;
}

/** That of an artifact of 200,000 files with long paths is shorter. Bytes. */
const LONGEST_MANIFEST = 128 * 1024 * 1024;

export function manifestPath(layout: SiteLayout, artifact: string): string {
  return join(layout.manifests, `${artifact}.json`);
}

export async function writeManifest(layout: SiteLayout, manifest: Manifest): Promise<void> {
  await makeFolder(layout, layout.manifests);
  await writeFileAtomic(layout, manifestPath(layout, manifest.artifact), manifestText(manifest));
}

/** As its file holds it. */
export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** undefined where there is none, or where what is there is not a manifest of this artifact. */
export async function readManifest(layout: SiteLayout, artifact: string): Promise<Manifest | undefined> {
  const text = await readRecord(manifestPath(layout, artifact), LONGEST_MANIFEST);
  return text === undefined ? undefined : parseManifest(text, artifact);
}

/** undefined for what is no manifest of this artifact: damaged counts as absent, so that it is adopted again like a drop. */
export function parseManifest(text: string, artifact: string): Manifest | undefined {
  const manifest = parseShape(text, isManifest);
  return manifest?.artifact === artifact ? manifest : undefined;
}

/** Whoever runs the site may write what it says: no path may lead out of the artifact, nor end in the middle for the system. */
const isInnerPath: Check<string> = (path): path is string => {
  if (!isText(path) || path.includes("\0")) return false;
  return path === "" || !path.split(/[/\\]/).some((part) => part === "" || part === "." || part === "..");
};

const isManifest = withFields<Manifest>({
  schemaVersion: (value) => value === 1,
  artifact: isText,
  origin: isOneOf("deploy", "drop"),
  builtAt: isTime,
  kind: isOneOf("file", "folder"),
  size: isWhole,
  sha256: isText,
  files: isListOf(withFields<ManifestFile>({ path: isInnerPath, size: isWhole, sha256: isText })),
  builder: orAbsent(isText),
  commit: orAbsent(isText),
  subject: orAbsent(isText),
  author: orAbsent(isText),
  dirty: orAbsent(isText),
  signature: orAbsent(withFields<ManifestSignature>({ key: isText, value: isText })),
});

/**
 * Reads and hashes everything. Throws ARTIFACT_INCOMPLETE for an empty artifact, a link or a special file in it, and when
 * the signal aborts.
 */
export async function describeArtifact(path: string, signal?: AbortSignal): Promise<ArtifactContent> {
  const top = await lstat(path);
  const kind = top.isDirectory() ? "folder" : "file";
  const files: ManifestFile[] = [];
  for (const relative of await filesOf(path)) {
    const file = relative === "" ? path : join(path, relative);
    signal?.throwIfAborted();
    files.push({ path: relative, ...(await describeFile(file, signal)) });
  }
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size === 0) throw new InplaceError("ARTIFACT_INCOMPLETE", `${path} is empty.`);
  return { kind, size, sha256: contentHash(files), files };
}

/** Over path, size and hash of every file. */
export function contentHash(files: readonly ManifestFile[]): string {
  const total = createHash("sha256");
  for (const file of files) total.update(`${file.path}\0${file.size}\0${file.sha256}\n`);
  return total.digest("hex");
}

/** A stream for each of thousands of small files takes four times the time of the processor. Bytes. */
const READ_AT_ONCE = 1024 * 1024;

async function describeFile(
  path: string,
  signal: AbortSignal | undefined,
): Promise<Omit<ManifestFile, "path">> {
  const hash = createHash("sha256");
  // Since it was looked at, a link or a pipe may have come into its place.
  const file = await openPlain(path);
  try {
    if ((await file.stat()).size <= READ_AT_ONCE) {
      const content = await file.readFile();
      return { size: content.length, sha256: hash.update(content).digest("hex") };
    }
    await pipeline(file.createReadStream({ autoClose: false }), hash, signal === undefined ? {} : { signal });
    return { size: (await file.stat()).size, sha256: hash.digest("hex") };
  } finally {
    await file.close();
  }
}

/** Whether every file of the manifest is found there with its size; contents are not read. Never rejects. */
export async function matchesManifest(path: string, manifest: Manifest): Promise<boolean> {
  try {
    if ((await lstat(path)).isDirectory() !== (manifest.kind === "folder")) return false;
    for (const file of manifest.files) {
      const found = await lstat(file.path === "" ? path : join(path, file.path));
      if (!found.isFile() || found.size !== file.size) return false;
    }
    return true;
  } catch {
    return false; // Gone, shut off, or a path that no file can have: not what was published, whatever the system calls it.
  }
}

async function filesOf(path: string, prefix = ""): Promise<string[]> {
  const entry = await lstat(path);
  if (entry.isFile()) return [prefix];
  if (!entry.isDirectory()) {
    throw new InplaceError(
      "ARTIFACT_INCOMPLETE",
      `${path} is neither a file nor a folder; artifacts hold no links.`,
    );
  }
  const names = (await readdir(path)).sort();
  const nested: string[] = [];
  for (const name of names)
    nested.push(...(await filesOf(join(path, name), prefix === "" ? name : `${prefix}/${name}`)));
  return nested;
}
