import { InplaceError } from "../errors.ts";

const SITE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
// What people drop has names with spaces and accents; what a shell, a header or a path would interpret is left out.
const ARTIFACT_NAME = /^[\p{L}\p{N}_(][\p{L}\p{N}\p{M} ._()+@,=~-]{0,149}$/u;
/**
 * What a name may take of the 255 bytes that Linux and others give to a file's: what is kept of an artifact stands under
 * its name and at most `.-8640000000000000.recorded`, see health-marks.ts. Letters beyond ASCII take two to four. launch.sh has the number too.
 */
const MOST_BYTES = 255 - ".-8640000000000000.recorded".length;
const COMMIT = /^[0-9a-f]{7,64}$/i;
// https://learn.microsoft.com/windows/win32/fileio/naming-a-file: reserved with any extension.
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
const TEMPORARY = /^\.|^~\$|\.(tmp|part|partial|crdownload|download|filepart|swp)$|~$/i;

/** A digit tells an id from a branch. */
const DEPLOYMENT = /^(?=.*\d)[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;

export const COMMIT_DIGITS = 10;

/** What one build is made from; exactly one artifact name follows from it. */
export interface BuildIdentity {
  readonly site: string;
  /** Hexadecimal, 7 to 64 digits; undefined where there is no git. */
  readonly commit: string | undefined;
  /** What the host calls this deployment, where that is no commit: it names the artifact in the place of all that follows. */
  readonly deployment?: string | undefined;
  /** First six digits of a hash over the uncommitted changes; undefined for a clean tree. */
  readonly dirty: string | undefined;
  /** Used for the name only where there is no commit. */
  readonly builtAt: Date;
  /** With its dot, or "" for a folder or a bare executable. */
  readonly extension: string;
}

/**
 * `<site>-<commit10>[-dirty<hash6>][.<revision>]<ext>`, revision counting from 2; a UTC timestamp stands in for the commit, and
 * a deployment's own id for both.
 */
export function artifactName(identity: BuildIdentity, revision = 1): string {
  const site = validSiteName(identity.site);
  const version = identity.deployment ?? versionOf(identity);
  const suffix = revision > 1 ? `.${revision}` : "";
  return validArtifactName(`${site}-${version}${suffix}${identity.extension}`);
}

function versionOf({ commit, dirty, builtAt }: BuildIdentity): string {
  const version = commit === undefined ? timestamp(builtAt) : shortCommit(commit);
  return dirty === undefined ? version : `${version}-dirty${dirty}`;
}

/** Whether a host may call a deployment so: a GUID, temp-1a2b3c4d, 20240131.2. A commit's id is none. */
export function isDeploymentId(id: string): boolean {
  return DEPLOYMENT.test(id) && !COMMIT.test(id);
}

/** First 10 digits, lower case. Throws COMMIT_INVALID. */
export function shortCommit(commit: string): string {
  return validCommit(commit).slice(0, COMMIT_DIGITS);
}

/** Throws COMMIT_INVALID; keeps options and shell text away from git. */
export function validCommit(commit: string): string {
  if (!COMMIT.test(commit)) throw new InplaceError("COMMIT_INVALID", `Not a commit id: ${quoted(commit)}.`);
  return commit.toLowerCase();
}

/** Throws SITE_NAME_INVALID; what passes is safe in a path, a shell, a header and a log line. */
export function validSiteName(name: string): string {
  if (!SITE_NAME.test(name) || !isPortable(name)) {
    throw new InplaceError("SITE_NAME_INVALID", `Not a usable site name: ${quoted(name)}.`);
  }
  return name;
}

/** Throws ARTIFACT_NAME_INVALID. */
export function validArtifactName(name: string): string {
  if (!isArtifactName(name)) {
    throw new InplaceError("ARTIFACT_NAME_INVALID", `Not an artifact name: ${quoted(name)}.`);
  }
  return name;
}

export function isArtifactName(name: string): boolean {
  const fits = Buffer.byteLength(name) <= MOST_BYTES;
  return fits && ARTIFACT_NAME.test(name) && !isTemporaryName(name) && isPortable(name);
}

/** Names that copying programs use until a file is whole. */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name);
}

// Windows drops trailing dots and spaces and opens devices, so such a name would mean another file there.
function isPortable(name: string): boolean {
  return !WINDOWS_DEVICE.test(name) && !/[. ]$/.test(name);
}

/** YYYYMMDDHHMMSS in UTC. */
function timestamp(date: Date): string {
  return date.toISOString().replace(/\D/g, "").slice(0, 14);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
