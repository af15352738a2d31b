import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** A path of web.config on this system. */
export interface LocalPath {
  /** Absolute; as it was written where it cannot be here. */
  readonly path: string;
  /** What of it this system does not have. */
  readonly notHere?: string;
}

/**
 * Where a path leads that was written for Windows, its variables expanded: with quotes around it, the prefix `\\?\`,
 * backslashes and names in another case. A relative one counts from the folder. What is there as it is written wins.
 */
export function localPath(
  written: string,
  folder: string,
  platform: NodeJS.Platform = process.platform,
): LocalPath {
  const plain = unquoted(written);
  if (platform === "win32" || existsSync(resolve(folder, plain))) return { path: resolve(folder, plain) };
  const path = withoutPrefix(plain);
  const [drive] = /^[A-Za-z]:/.exec(path) ?? [];
  if (drive !== undefined) return { path: plain, notHere: `there is no drive ${drive} on this system` };
  if (path.startsWith("\\\\")) return { path: plain, notHere: "there are no network paths on this system" };
  return { path: onDisk(resolve(folder, slashes(path))) };
}

/**
 * A word of an argument line: where it is a path, or `--option=` and a path, with this system's slashes. A path is what leads to
 * something that is there or may be made in a folder that is, or what looks like one: `.\logs\x`, or `%HOME%\x` once it is expanded.
 */
export function localArgument(word: string, folder: string): string {
  if (!word.includes("\\")) return word;
  const [, option = "", value = ""] = /^(-[^=\\]*=)?(.*)$/s.exec(word) ?? [];
  const { path, notHere } = localPath(value, folder, "linux");
  if (notHere !== undefined) return word;
  const short = slashes(withoutPrefix(value));
  if (existsSync(resolve(folder, short))) return option + short;
  if (existsSync(path)) return option + path;
  if (looksLikePath(short)) return option + short;
  if (PATTERN.test(short) || short.startsWith("/") || dirname(short) === ".") return word;
  // Such as a log file that the program is to make.
  if (existsSync(resolve(folder, dirname(short)))) return option + short;
  return existsSync(dirname(path)) ? option + path : word;
}

/** What only patterns hold. */
const PATTERN = /[*?"<>|+^$()[\]{}]/;

/** In a folder that is there: `.\d+` is none. */
function looksLikePath(path: string): boolean {
  const [top] = /^(\.{1,2}|\/[^/]+)(?=\/)/.exec(path) ?? [];
  return top !== undefined && !PATTERN.test(path) && (top.startsWith(".") || existsSync(top));
}

/** Without the quotes around it, which keep a path with blanks together on a command line. */
export function unquoted(written: string): string {
  const trimmed = written.trim();
  return /^"[^"]*"$/.test(trimmed) ? trimmed.slice(1, -1).trim() : trimmed;
}

/** https://learn.microsoft.com/windows/win32/fileio/naming-a-file#win32-file-namespaces */
function withoutPrefix(path: string): string {
  return path.replace(/^\\\\[?.]\\UNC\\/i, "\\\\").replace(/^\\\\[?.]\\/, "");
}

function slashes(path: string): string {
  return path.replaceAll("\\", "/");
}

/** The same path, with the names as they are on the disk, as far as something is there. */
function onDisk(path: string): string {
  const parent = dirname(path);
  if (parent === path || existsSync(path)) return path;
  const folder = onDisk(parent);
  const name = basename(path);
  return join(folder, namesOf(folder).find((each) => each.toLowerCase() === name.toLowerCase()) ?? name);
}

function namesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // Nothing, or not for this account to see.
  }
}
