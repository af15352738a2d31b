import { createHash, randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { lstat, mkdir, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { asInplaceError, InplaceError, systemCode } from "../errors.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readOptional } from "../site/present.ts";
import { makeFolders } from "../site/records.ts";

/** https://man7.org/linux/man-pages/man7/unix.7.html: 108 bytes, on other systems 104. */
const SOCKET_PATH_LIMIT = 100;
const OTHERS = 0o077;
const ROOT = 0;
const PIPE = /^\\\\\.\\pipe\\inplace-[0-9a-f]{32}$/;

/**
 * Where a site's supervisor is to listen for the command: in the site, or, where that path is too long for a socket, in a
 * folder that only its account can enter. On Windows a pipe whose name nobody can guess is named by a file in the site. Makes
 * what is missing. Throws CONTROL_UNAVAILABLE.
 */
export async function makeControlPlace(layout: SiteLayout): Promise<string> {
  try {
    await makeFolders(dirname(layout.control), { within: layout.root });
    if (process.platform === "win32") return await namePipe(layout);
    if (fits(layout.control)) return layout.control;
  } catch (error) {
    throw controlUnavailable(dirname(layout.control), error);
  }
  const problems: string[] = [];
  for (const { folder, make } of foldersOf(ownUid())) {
    const path = join(folder, socketName(layout));
    if (!fits(path)) continue;
    if (make) await mkdir(folder, { mode: 0o700 }).catch(() => undefined); // What it is then is looked at next.
    const problem = whyNotPrivate(folder, await look(folder), ownUid());
    if (problem === undefined) return path;
    problems.push(problem);
  }
  throw new InplaceError(
    "CONTROL_UNAVAILABLE",
    `No folder is this account's alone: ${problems.join("; ")}.`,
    {
      hint: "Give the account a home folder or XDG_RUNTIME_DIR, or the site a path of less than 75 bytes.",
    },
  );
}

/**
 * Where the supervisor of a site can be asked; undefined where none listens. Throws CONTROL_UNTRUSTED where somebody does
 * who is neither this account, nor root, nor the owner of the site.
 */
export async function findControl(layout: SiteLayout): Promise<string | undefined> {
  if (process.platform === "win32") return await readPipe(layout);
  if (fits(layout.control)) {
    const found = await look(layout.control);
    if (found === undefined) return undefined;
    if (await isTrusted(layout, found)) return layout.control;
    const what = `${layout.control} belongs to account ${found.uid}, which is not the site's.`;
    throw new InplaceError("CONTROL_UNTRUSTED", what);
  }
  for (const uid of new Set([ownUid(), ...(await accountsOf(layout))])) {
    for (const { folder } of foldersOf(uid)) {
      const path = join(folder, socketName(layout));
      const isPrivate = whyNotPrivate(folder, await look(folder), uid) === undefined;
      if (fits(path) && isPrivate && (await look(path))?.uid === uid) return path;
    }
  }
  return undefined;
}

/** Whether what lies at the socket's place may be a supervisor of this site. */
export async function mayBeSupervisor(layout: SiteLayout, path: string): Promise<boolean> {
  if (process.platform === "win32") return true;
  const found = await look(path);
  return found !== undefined && (await isTrusted(layout, found));
}

export function controlUnavailable(where: string, error: unknown): InplaceError {
  const { message } = asInplaceError(error);
  const what = message.includes(where) ? message : `${where}: ${message}`;
  return new InplaceError("CONTROL_UNAVAILABLE", what, { cause: error });
}

async function isTrusted(layout: SiteLayout, { uid }: Stats): Promise<boolean> {
  return uid === ROOT || uid === ownUid() || (await accountsOf(layout)).includes(uid);
}

/** Those to whom the site and what is kept in it belong. */
async function accountsOf(layout: SiteLayout): Promise<number[]> {
  const found = await Promise.all([layout.root, dirname(layout.control)].map(look));
  return found.flatMap((stats) => (stats === undefined ? [] : [stats.uid]));
}

/** The last two are made where they are missing. */
function foldersOf(uid: number): { readonly folder: string; readonly make: boolean }[] {
  const own = uid === ownUid();
  const runtime = own ? process.env["XDG_RUNTIME_DIR"] : undefined;
  return [
    ...(runtime ? [{ folder: runtime, make: false }] : []),
    { folder: `/run/user/${uid}`, make: false },
    ...(own ? [{ folder: join(homedir(), ".inplace"), make: true }] : []),
    { folder: join(tmpdir(), `inplace-${uid}`), make: true },
  ];
}

function whyNotPrivate(folder: string, found: Stats | undefined, uid: number): string | undefined {
  if (found === undefined) return `there is no ${folder}`;
  if (!found.isDirectory()) return `${folder} is no folder`;
  if (found.uid !== uid) return `${folder} belongs to account ${found.uid}`;
  return (found.mode & OTHERS) === 0 ? undefined : `others may enter ${folder}`;
}

async function look(path: string): Promise<Stats | undefined> {
  return await lstat(path).catch(() => undefined); // What cannot be looked at is not trusted.
}

function socketName({ root }: SiteLayout): string {
  return `inplace-${createHash("sha256").update(root).digest("hex").slice(0, 16)}.sock`;
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_LIMIT;
}

function ownUid(): number {
  return process.getuid?.() ?? ROOT;
}

async function readPipe({ controlPipe }: SiteLayout): Promise<string | undefined> {
  const name = (await readOptional(controlPipe))?.trim();
  return name !== undefined && PIPE.test(name) ? name : undefined;
}

/** The site's own name, made once: of several supervisors that come at once, one makes it. */
async function namePipe(layout: SiteLayout): Promise<string> {
  const name = `\\\\.\\pipe\\inplace-${randomBytes(16).toString("hex")}`;
  try {
    await writeFile(layout.controlPipe, name, { flag: "wx" });
    return name;
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    return (await readPipe(layout)) ?? (await rm(layout.controlPipe), await namePipe(layout));
  }
}
