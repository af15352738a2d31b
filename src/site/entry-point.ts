import { stat } from "node:fs/promises";
import { basename, join, normalize, sep } from "node:path";
import { InplaceError } from "../errors.ts";
import type { SiteLayout } from "./layout.ts";
import { expectProgram } from "./program.ts";
import { readRecord } from "./records.ts";

/** One line in a folder artifact: the path of what is started, relative to the folder, with "/". */
export const ENTRY_FILE = "_entry.txt";
const NODE_ENTRIES = ["index", "server", "main", "app"].flatMap((name) =>
  [".mjs", ".js", ".cjs"].map((extension) => name + extension),
);

/** Bytes. */
const LONGEST_ENTRY = 4096;

/** A file that Node is started with. */
export const NODE_PROGRAM = /\.[cm]?js$/i;

/** Whether what is started for it is a program for Node. Throws ARTIFACT_INCOMPLETE, NOT_A_PROGRAM. */
export async function isNodeProgram({ target }: SiteLayout, artifact: string): Promise<boolean> {
  return NODE_PROGRAM.test(await entryPoint(join(target, artifact)));
}

/**
 * The file that is started for an artifact: itself, or the entry point of a folder, which may be called as the folder is (`name`).
 * Throws ARTIFACT_INCOMPLETE, NOT_A_PROGRAM.
 */
export async function entryPoint(artifact: string, name = basename(artifact)): Promise<string> {
  const file = (await stat(artifact)).isDirectory() ? await entryOf(artifact, name) : artifact;
  await expectProgram(file);
  return file;
}

async function entryOf(artifact: string, name: string): Promise<string> {
  const named = await readEntryFile(join(artifact, ENTRY_FILE));
  const script = process.platform === "win32" ? "start.cmd" : "start.sh";
  const candidates = named === undefined ? [...NODE_ENTRIES, `${name}.exe`, name, script] : [named];
  for (const candidate of candidates) {
    const path = join(artifact, normalize(candidate));
    if (path.startsWith(artifact + sep) && (await isFile(path))) return path;
  }
  const what = named === undefined ? "has no entry point" : `has no ${named}, which ${ENTRY_FILE} names`;
  throw new InplaceError("ARTIFACT_INCOMPLETE", `The folder ${artifact} ${what}.`);
}

/** Its first line, as launchers read it: without quotes and blanks around it, with "/" for "\\". */
async function readEntryFile(file: string): Promise<string | undefined> {
  const [line = ""] = ((await readEntry(file)) ?? "").split("\n");
  const name = withoutBlanks(line.replace(/\r$/, ""));
  const path = withoutBlanks(/^".*"$/.test(name) ? name.slice(1, -1) : name);
  return path.replaceAll("\\", "/") || undefined;
}

async function readEntry(path: string): Promise<string | undefined> {
  try {
    return await readRecord(path, LONGEST_ENTRY);
  } catch (cause) {
    if (!(cause instanceof InplaceError)) throw cause;
    throw new InplaceError("ARTIFACT_INCOMPLETE", cause.message, { cause });
  }
}

function withoutBlanks(text: string): string {
  return text.replace(/^[ \t]+/, "").replace(/[ \t]+$/, "");
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
