import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { isAbsolute, join, resolve, sep } from "node:path";
import { decodeText } from "../decode-text.ts";
import { InplaceError, systemCode } from "../errors.ts";
import { isArtifactName, validArtifactName } from "./artifact-name.ts";
import { writeFileAtomic } from "./atomic-file.ts";
import { refuseMountedPointer } from "./mounts.ts";
import { namesIn } from "./present.ts";
import { TARGET_FOLDER, type SiteLayout } from "./layout.ts";

/** Longer than any path a system takes; what is longer is no pointer. */
export const POINTER_MAX_BYTES = 4096;

export type PointerState =
  | { readonly state: "missing" }
  | { readonly state: "names"; readonly artifact: string; readonly path: string }
  /** Well formed, but nothing of that name is in the target folder. */
  | DanglingPointer
  | { readonly state: "invalid"; readonly error: InplaceError };

export interface DanglingPointer {
  readonly state: "dangling";
  readonly artifact: string;
  readonly path: string;
  /** What is there under that name in another case, which Windows would take, and launchers and systems with case do not. */
  readonly inOtherCase?: string;
}

/** Where the artifact is, in a relative clause. */
export function whereabouts({ inOtherCase }: DanglingPointer): string {
  return inOtherCase === undefined
    ? "which is not there"
    : `which is not there: ${inOtherCase} is, and differs in case only`;
}

/**
 * What `_artifact.txt` names. Takes UTF-16, a BOM, CRLF, quotes, blanks and the relative, bare and absolute forms,
 * and refuses whatever does not lie directly inside `_target`, also through a link.
 */
export async function readPointer(layout: SiteLayout): Promise<PointerState> {
  let text: string;
  try {
    text = await readBounded(layout.pointer);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return { state: "missing" };
    if (error instanceof InplaceError) return { state: "invalid", error };
    const what = `The pointer ${layout.pointer} cannot be read: ${messageOf(error)}.`;
    return { state: "invalid", error: new InplaceError("POINTER_UNREADABLE", what, { cause: error }) };
  }
  try {
    const artifact = parsePointer(layout, text);
    return await resolveArtifact(layout, artifact);
  } catch (error) {
    if (error instanceof InplaceError) return { state: "invalid", error };
    throw error;
  }
}

/** What `_artifact.txt` names, if that is there. */
export async function pointedArtifact(layout: SiteLayout): Promise<string | undefined> {
  const pointer = await readPointer(layout);
  return pointer.state === "names" ? pointer.artifact : undefined;
}

/** Atomic. The caller has made sure that the artifact is whole. Throws POINTER_MOUNTED. */
export async function writePointer(layout: SiteLayout, artifact: string): Promise<void> {
  await refuseMountedPointer(layout);
  // Batch files take a backslash for granted; both launchers read both.
  const separator = process.platform === "win32" ? "\\" : "/";
  await writeFileAtomic(
    layout,
    layout.pointer,
    `${TARGET_FOLDER}${separator}${validArtifactName(artifact)}\n`,
  );
}

/** The artifact's name. Throws POINTER_INVALID or POINTER_ESCAPES. */
export function parsePointer(layout: SiteLayout, text: string): string {
  const line = text
    .trim()
    .replace(/^"(.*)"$/, "$1")
    .trim();
  if (line === "" || /[\r\n\0]/.test(line)) {
    throw new InplaceError("POINTER_INVALID", `${layout.pointer} does not hold exactly one line.`);
  }
  const name = nameInTarget(layout, line.replace(/^\\\\\?\\/, ""));
  if (name === undefined) {
    throw new InplaceError(
      "POINTER_ESCAPES",
      `${layout.pointer} names ${JSON.stringify(line)}, not directly inside ${TARGET_FOLDER}.`,
    );
  }
  if (!isArtifactName(name)) {
    throw new InplaceError(
      "POINTER_INVALID",
      `${layout.pointer} names ${JSON.stringify(line)}, which is no artifact name.`,
    );
  }
  return name;
}

/** Makes the pointer name what runs, if it still names what failed. */
export async function pointBack(layout: SiteLayout, failed: string, live: string): Promise<void> {
  const pointer = await readPointer(layout);
  if (pointer.state === "names" && pointer.artifact === failed) await writePointer(layout, live);
}

function nameInTarget(layout: SiteLayout, line: string): string | undefined {
  const path = line.replaceAll("\\", "/");
  if (isAbsolute(line) || /^[A-Za-z]:\//.test(path)) {
    const target = layout.target.replaceAll("\\", "/");
    const fold = (text: string): string => (sep === "\\" ? text.toLowerCase() : text);
    return fold(path).startsWith(fold(`${target}/`)) ? single(path.slice(target.length + 1)) : undefined;
  }
  const parts = path.split("/").filter((part, index) => part !== "" && !(part === "." && index === 0));
  if (parts.length === 2 && parts[0]?.toLowerCase() === TARGET_FOLDER) return single(parts[1] ?? "");
  return parts.length === 1 && !path.startsWith("/") ? single(parts[0] ?? "") : undefined;
}

function single(name: string): string | undefined {
  return name === ".." || name === "." || name.includes("/") ? undefined : name;
}

async function resolveArtifact(layout: SiteLayout, artifact: string): Promise<PointerState> {
  const path = join(layout.target, artifact);
  let real: string;
  let inside: string;
  try {
    real = await realpath(path);
    inside = resolve(await realpath(layout.target), artifact);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return await danglingPointer(layout, artifact, path);
    const what = `${path} cannot be resolved: ${messageOf(error)}.`;
    throw new InplaceError("POINTER_INVALID", what, { cause: error });
  }
  // A link out of the target folder would let whoever writes there start anything.
  const same = sep === "\\" ? real.toLowerCase() === inside.toLowerCase() : real === inside;
  if (!same) {
    throw new InplaceError("POINTER_ESCAPES", `${path} is a link to ${real}.`);
  }
  return { state: "names", artifact, path };
}

async function danglingPointer(
  { target }: SiteLayout,
  artifact: string,
  path: string,
): Promise<DanglingPointer> {
  const names = await namesIn(target).catch(() => []);
  const inOtherCase = names.find(
    (name) => name !== artifact && name.toLowerCase() === artifact.toLowerCase(),
  );
  return { state: "dangling", artifact, path, ...(inOtherCase === undefined ? {} : { inOtherCase }) };
}

async function readBounded(path: string): Promise<string> {
  // A pipe would be waited for; a link is as good as a file.
  const unwaited = process.platform === "win32" ? 0 : constants.O_NONBLOCK;
  const file = await open(path, constants.O_RDONLY | unwaited);
  try {
    const buffer = Buffer.alloc(POINTER_MAX_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > POINTER_MAX_BYTES) {
      throw new InplaceError("POINTER_INVALID", `${path} is longer than ${POINTER_MAX_BYTES} bytes.`);
    }
    return decodeText(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
