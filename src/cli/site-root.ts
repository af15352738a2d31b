import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { InplaceError } from "../errors.ts";
import { siteLayout, type SiteLayout } from "../site/layout.ts";

/** The first name that is set, else the nearest folder upwards from cwd with a web.config, else `otherwise`. */
export function findSite(
  names: readonly (string | undefined)[],
  { cwd, otherwise }: { readonly cwd: string; readonly otherwise: string },
): SiteLayout {
  const named = names.find((name) => name !== undefined && name !== "");
  const root = named === undefined ? (folderWithWebConfig(cwd) ?? otherwise) : resolve(cwd, named);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InplaceError("SITE_ROOT_MISSING", `The site root ${root} is not a folder.`);
  }
  return siteLayout(root);
}

function folderWithWebConfig(cwd: string): string | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "web.config"))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}
