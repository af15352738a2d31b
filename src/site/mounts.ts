import { readFile, realpath } from "node:fs/promises";
import { InplaceError } from "../errors.ts";
import type { SiteLayout } from "./layout.ts";

/**
 * Throws POINTER_MOUNTED where the pointer itself is a mount, as containers are given single files: it cannot be replaced as a
 * whole then, and a launcher could read half of it. Known on Linux.
 */
export async function refuseMountedPointer({ pointer }: SiteLayout): Promise<void> {
  if (process.platform !== "linux" || !(await isMountPoint(pointer))) return;
  throw new InplaceError("POINTER_MOUNTED", `${pointer} is a mount of its own, and cannot be replaced.`);
}

/** https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html: the fifth field, with blanks as octal numbers. */
async function isMountPoint(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined); // There is none.
  if (real === undefined) return false;
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => ""); // Without /proc, the write will tell.
  return mounts.split("\n").some((line) => unescaped(line.split(" ")[4] ?? "") === real);
}

function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
