import { lstat, readFile, readdir } from "node:fs/promises";
import { systemCode } from "../errors.ts";

/** The text of a file; undefined where there is none. */
export function readOptional(path: string): Promise<string | undefined> {
  return ifPresent(readFile(path, "utf8"), undefined);
}

/** What is in a folder; nothing where there is none. */
export function namesIn(folder: string): Promise<string[]> {
  return ifPresent(readdir(folder), []);
}

/** Whether there is something, a dangling link too. */
export async function exists(path: string): Promise<boolean> {
  return (await ifPresent(lstat(path), undefined)) !== undefined;
}

async function ifPresent<T, Otherwise>(found: Promise<T>, otherwise: Otherwise): Promise<T | Otherwise> {
  try {
    return await found;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return otherwise;
    throw error;
  }
}
