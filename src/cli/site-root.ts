import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CONFIG_FILE } from "../config/load.ts";
import { InplaceError } from "../errors.ts";
import { siteLayout, type SiteLayout } from "../site/layout.ts";

const MARKS = ["web.config", CONFIG_FILE];

/**
 * The first name that is set, else the nearest folder upwards from cwd with a web.config or a configuration of its own,
 * else `otherwise`: a project inside another site's folder never writes into that site.
 */
export function findSite(
  names: readonly (string | undefined)[],
  { cwd, otherwise }: { readonly cwd: string; readonly otherwise: string },
): SiteLayout {
  const named = names.find((name) => name !== undefined && name !== "");
  const root = named === undefined ? (siteFolder(cwd) ?? otherwise) : resolve(cwd, named);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InplaceError("SITE_ROOT_MISSING", `The site root ${root} is not a folder.`);
  }
  return siteLayout(root);
}

function siteFolder(cwd: string): string | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (MARKS.some((name) => existsSync(join(folder, name)))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}
