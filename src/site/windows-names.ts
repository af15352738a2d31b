import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { InplaceError, systemCode } from "../errors.ts";

/** As IIS names it; it takes App_Offline.htm and Web.config for the same, and so do we on every system. */
export const WEB_CONFIG = "web.config";

/** Whether IIS would take a file of that name in the site's folder for its configuration. */
export function isWebConfig(name: string): boolean {
  return name.toLowerCase() === WEB_CONFIG;
}

/** All files that IIS would take for this one, the one that is spelled so first; none where there is no such folder. */
export function spellingsOf(path: string): readonly string[] {
  const name = basename(path);
  return filesIn(dirname(path))
    .filter((each) => each.toLowerCase() === name.toLowerCase())
    .sort((a, b) => Number(b === name) - Number(a === name))
    .map((each) => join(dirname(path), each));
}

/** The path as it is spelled on the disk, or as it is given where there is no such file. Throws NAME_AMBIGUOUS for two. */
export function spelled(path: string): string {
  const [found = path, ...others] = spellingsOf(path);
  if (others.length === 0) return found;
  const names = [found, ...others].map((each) => basename(each)).join(" and ");
  throw new InplaceError("NAME_AMBIGUOUS", `${dirname(path)} holds ${names}, which are one file to IIS.`);
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return []; // The file itself then tells.
    throw error;
  }
}
