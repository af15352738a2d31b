import { lstatSync, readlinkSync, statSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { InplaceError } from "../errors.ts";

/**
 * RECORD_UNSAFE for what lies at a path, or at a folder on the way to it, and is of another kind than it has to be; undefined
 * where there is nothing of the kind, or nothing at all. A link in the place of a file is not followed.
 */
export function wrongKind(
  path: string,
  wanted: "file" | "folder",
  cause?: unknown,
): InplaceError | undefined {
  let kind = wanted;
  for (let at = path; ; at = dirname(at), kind = "folder") {
    const found = look(lstatSync, at);
    if (found !== undefined) return at === dirname(at) ? undefined : problemOf(at, found, kind, cause);
    if (at === dirname(at)) return undefined;
  }
}

function problemOf(path: string, found: Stats, wanted: string, cause: unknown): InplaceError | undefined {
  if (found.isSymbolicLink()) {
    if (wanted === "file") return undefined;
    const target = look(statSync, path);
    if (target !== undefined) return problemOf(path, target, wanted, cause);
    const hint = "Mount what it leads to, or make it; or remove the link, then try again.";
    return unsafe(`${path} is a link to ${readlinkSync(path)}, which is not there.`, { cause, hint });
  }
  if (wanted === "folder" ? found.isDirectory() : found.isFile()) return undefined;
  const kind = found.isDirectory() ? "a folder" : found.isFile() ? "a file" : "neither file nor folder,";
  return unsafe(`${path} is ${kind} in the place of a ${wanted}.`, { cause });
}

function unsafe(what: string, options: ErrorOptions & { readonly hint?: string }): InplaceError {
  return new InplaceError("RECORD_UNSAFE", what, options);
}

/** undefined: not there, or not to be looked at; then other errors say why. */
function look(by: (path: string) => Stats, path: string): Stats | undefined {
  try {
    return by(path);
  } catch {
    return undefined;
  }
}
