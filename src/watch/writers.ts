import { constants } from "node:fs";
import { lstat, open, readdir, readFile, readlink } from "node:fs/promises";
import { join, sep } from "node:path";
import { systemCode } from "../errors.ts";

/**
 * Whether a program still has the artifact, or a file in it, open for writing. Known on Linux for the processes that
 * this account may inspect, and on Windows where the writer shares the file with no other; else false.
 */
export async function isBeingWritten(path: string): Promise<boolean> {
  switch (process.platform) {
    case "linux":
      return await hasWriteDescriptor(path);
    case "win32":
      return await isHeldByWriter(path);
    default:
      return false;
  }
}

async function hasWriteDescriptor(path: string): Promise<boolean> {
  for (const pid of await readdir("/proc")) {
    if (/^\d+$/.test(pid) && (await processWrites(`/proc/${pid}`, path))) return true;
  }
  return false;
}

async function processWrites(proc: string, path: string): Promise<boolean> {
  try {
    for (const descriptor of await readdir(`${proc}/fd`)) {
      const file = await readlink(`${proc}/fd/${descriptor}`).catch(() => "");
      if (file !== path && !file.startsWith(path + sep)) continue;
      // https://man7.org/linux/man-pages/man5/proc_pid_fdinfo.5.html: flags are octal, as open(2) took them.
      const flags = /^flags:\s*([0-7]+)/m.exec(await readFile(`${proc}/fdinfo/${descriptor}`, "utf8"))?.[1];
      if ((parseInt(flags ?? "0", 8) & (constants.O_WRONLY | constants.O_RDWR)) !== 0) return true;
    }
    return false;
  } catch {
    return false; // Ended meanwhile, or of another account.
  }
}

// Copying programs open what they write without sharing it, so opening it for writing fails with a sharing violation
// (EBUSY) until they are done. Other failures (read-only, access lists) tell nothing about writers.
async function isHeldByWriter(path: string): Promise<boolean> {
  const stats = await lstat(path);
  if (stats.isDirectory()) {
    for (const name of await readdir(path)) if (await isHeldByWriter(join(path, name))) return true;
    return false;
  }
  try {
    await (await open(path, "r+")).close();
    return false;
  } catch (error) {
    return systemCode(error) === "EBUSY";
  }
}
