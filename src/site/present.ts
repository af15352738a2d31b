import { lstat, readFile, readdir } from "node:fs/promises";
import { asFileError, systemCode } from "../errors.ts";

// Each throws ACCESS_DENIED, TOO_MANY_FILES or FILE_UNUSABLE for what is there and cannot be looked at.

/** The text of a file; undefined where there is none. */
export function readOptional(path: string): Promise<string | undefined> {
  return ifPresent(path, readFile(path, "utf8"), undefined);
}

/** What is in a folder; nothing where there is none. */
export function namesIn(folder: string): Promise<string[]> {
  return ifPresent(folder, readdir(folder), []);
}

/** Whether there is something, a dangling link too. */
export async function exists(path: string): Promise<boolean> {
  return (await ifPresent(path, lstat(path), undefined)) !== undefined;
}

async function ifPresent<T, Otherwise>(
  path: string,
  found: Promise<T>,
  otherwise: Otherwise,
): Promise<T | Otherwise> {
  try {
    return await found;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return otherwise;
    throw asFileError(error, path);
  }
}
