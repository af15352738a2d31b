import { randomUUID } from "node:crypto";
import { constants, readFileSync } from "node:fs";
import { readdir, rm, stat, writeFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { basename, dirname, join } from "node:path";
import { dateOf } from "../date-of.ts";
import { systemCode } from "../errors.ts";
import { isPid, isText, parseShape, withFields } from "../record-shape.ts";
import { createFrom, removeTemporary, whileHeldByOthers } from "./atomic-file.ts";
import { asRecordError, openRecord, textOf } from "./records.ts";

/** Who owns something, as its file says. */
export interface Owner {
  /** Unique for each acquisition. */
  readonly id: string;
  readonly owner: string;
  readonly host: string;
  readonly pid: number;
  /** ISO 8601 */
  readonly since: string;
}

/** An owner, the file that names it, and when it last gave a sign of life by the file system's clock, milliseconds. */
export interface Ownership {
  readonly owner: Owner;
  readonly file: string;
  readonly beatAt: number;
}

// Ids become parts of file names.
const ID = /^[\w-]{1,64}$/;
const isOwner = withFields<Owner>({
  id: (value): value is string => isText(value) && ID.test(value),
  owner: isText,
  host: isText,
  pid: isPid,
  since: isText,
});
/** Longer than any owner's file is. Bytes. */
const LONGEST_OWNER = 4096;
/** So many heirs in a line are no accident of dead processes. */
const MOST_HEIRS = 1000;

export function thisProcess(): Owner {
  return {
    id: randomUUID(),
    owner: accountName(),
    host: hostname(),
    pid: process.pid,
    since: new Date().toISOString(),
  };
}

/**
 * Creates the file if there is none. `now` is the file system's clock at the attempt, milliseconds: the one clock that
 * all machines on a share agree on. Its content is there at once where the file system has hard links.
 */
export async function createOwned(
  path: string,
  me: Owner,
): Promise<{ readonly created: boolean; readonly now: number }> {
  const content = JSON.stringify(me);
  const temporary = `${path}.${me.id}.tmp`;
  try {
    await writeFile(temporary, content, { flag: "wx" });
    const now = (await stat(temporary)).mtimeMs;
    return { created: await createFrom(temporary, path), now };
  } finally {
    await removeTemporary(temporary);
  }
}

/** Whoever owns the file now: its creator, or the last in the line of heirs. */
export async function currentOwnership(path: string): Promise<Ownership | undefined> {
  let last = await readOwnership(path);
  const seen = new Set<string>();
  while (last !== undefined && !seen.has(last.owner.id) && seen.size < MOST_HEIRS) {
    seen.add(last.owner.id);
    const heir = await readOwnership(deedOf(path, last.owner));
    if (heir === undefined) break;
    last = heir;
  }
  return last;
}

/**
 * A dead owner's file is never removed by others, since two who find it could remove each other's new one. It is
 * inherited: `<path>.<id of the dead>` is created exclusively, so one of them wins, and says who is the owner now.
 */
export async function inherit(path: string, dead: Owner, me: Owner): Promise<boolean> {
  const root = await readOwnership(path);
  const deed = deedOf(path, dead);
  if (root === undefined || !(await createOwned(deed, me)).created) return false;
  // Who gives up removes the file before the deeds: with the file still there, nobody gave up in between.
  if ((await readOwnership(path))?.owner.id === root.owner.id) return true;
  await rm(deed, { force: true });
  return false;
}

/** Gives up what `me` owns; what others own by now stays theirs. */
export async function disown(path: string, me: Owner): Promise<void> {
  if ((await currentOwnership(path))?.owner.id === me.id) await removeOwned(path);
}

/** Removes the file and its deeds, whoever owns them. */
export async function removeOwned(path: string): Promise<void> {
  const deeds = (await readdir(dirname(path))).filter(
    (name) => name.startsWith(`${basename(path)}.`) && !name.endsWith(".tmp"),
  );
  for (const each of [path, ...deeds.map((deed) => join(dirname(path), deed))]) {
    await whileHeldByOthers(() => rm(each, { force: true })).catch((error: unknown) => {
      throw asRecordError(error, each);
    });
  }
}

/** Rewrites the file, so that its time is the file system's own; false where `me` owns it no more. */
export async function beat(file: string, me: Owner): Promise<boolean> {
  const handle = await openRecord(file, constants.O_RDWR);
  if (handle === undefined) return false;
  try {
    // Read and written through one handle: if somebody replaced the file meanwhile, theirs is not touched.
    if (parseShape(await textOf(handle, 0, LONGEST_OWNER), isOwner)?.id !== me.id) return false;
    await handle.write(JSON.stringify(me), 0);
    return true;
  } finally {
    await handle.close();
  }
}

/** Whether the process is known to have ended: only the host it ran on can tell. */
export function hasEnded({ host, pid }: Pick<Owner, "host" | "pid">): boolean {
  if (host !== hostname() || pid === 0) return false;
  try {
    process.kill(pid, 0);
    return isZombie(pid);
  } catch (error) {
    return systemCode(error) === "ESRCH";
  }
}

/** It has ended, and whoever started it has not asked how: the first process of many containers never does. */
function isZombie(pid: number): boolean {
  if (process.platform !== "linux") return false;
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "latin1");
    return status.startsWith(" Z", status.lastIndexOf(")") + 1);
  } catch {
    return false;
  }
}

/** A file whose content is no owner counts as one of process 0: it is being written, or its writer died. */
export async function readOwnership(file: string): Promise<Ownership | undefined> {
  const handle = await openRecord(file);
  if (handle === undefined) return undefined;
  try {
    const text = await textOf(handle, 0, LONGEST_OWNER);
    const beatAt = (await handle.stat()).mtimeMs;
    return { owner: parseShape(text, isOwner) ?? unreadableOwner(beatAt), file, beatAt };
  } finally {
    await handle.close();
  }
}

function deedOf(path: string, dead: Owner): string {
  return `${path}.${dead.id}`;
}

function unreadableOwner(beatAt: number): Owner {
  const since = dateOf(beatAt).toISOString();
  return { id: `unreadable-${Math.trunc(beatAt)}`, owner: "unknown", host: "unknown", pid: 0, since };
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown"; // Accounts of app pools and containers may have no name.
  }
}
