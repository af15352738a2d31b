import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CONFIG_FILE } from "../config/load.ts";
import { InplaceError } from "../errors.ts";
import { DEPLOY_FOLDER, OWN_FOLDER, POINTER_FILE, siteLayout, TARGET_FOLDER } from "../site/layout.ts";
import type { SiteLayout } from "../site/layout.ts";
import { spellingsOf, WEB_CONFIG } from "../site/windows-names.ts";

/** What a person puts into a site: by these it is found from a folder inside it. */
const MARKS = [WEB_CONFIG, CONFIG_FILE];
/** By one of these a folder is a site. A first deploy that fails leaves what it worked in, with nothing in it. */
const SIGNS = [...MARKS, TARGET_FOLDER, POINTER_FILE];
const SIGNS_UNLESS_EMPTY = [OWN_FOLDER, join(DEPLOY_FOLDER, "outside")];

export interface SiteSearch {
  readonly cwd: string;
  readonly otherwise: string;
  /** Also a folder that is no site yet. */
  readonly mayBeNew: boolean;
}

/**
 * The first name that is set, else the nearest folder upwards from cwd with a web.config or a configuration of its own,
 * else `otherwise`: a project inside another site's folder never writes into that site. Throws SITE_ROOT_MISSING, and
 * NOT_A_SITE for a folder with other things in it, and for one that nobody named.
 */
export function findSite(
  names: readonly (string | undefined)[],
  { cwd, otherwise, mayBeNew }: SiteSearch,
): SiteLayout {
  const named = names.find((name) => name !== undefined && name !== "");
  const root = named === undefined ? (siteFolder(cwd) ?? otherwise) : resolve(cwd, named);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InplaceError("SITE_ROOT_MISSING", `The site root ${root} is not a folder.`);
  }
  if (!mayBeNew && !isSite(root) && !(named !== undefined && isEmpty(root))) {
    throw new InplaceError(
      "NOT_A_SITE",
      `${root} is no site: it holds no web.config, no ${CONFIG_FILE} and no ${TARGET_FOLDER}.`,
    );
  }
  const layout = siteLayout(root);
  if (!mayBeNew && statSync(layout.target, { throwIfNoEntry: false })?.isDirectory() === false) {
    throw new InplaceError(
      "FILE_UNUSABLE",
      `${layout.target} is a file; releases lie in a folder of this name.`,
    );
  }
  return layout;
}

/** Whether one of the things lies there that make a folder a site. */
function isSite(folder: string): boolean {
  if (SIGNS.some((name) => existsSync(join(folder, name)))) return true;
  if (SIGNS_UNLESS_EMPTY.some((name) => namesIn(join(folder, name)).length > 0)) return true;
  // Windows writes Web.config.
  return namesIn(folder).some((name) => SIGNS.includes(name.toLowerCase()));
}

/** One that somebody names is a site before its first release. */
function isEmpty(folder: string): boolean {
  return existsSync(folder) && namesIn(folder).length === 0;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // What may be passed through and not be listed, or is not there.
  }
}

function siteFolder(cwd: string): string | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (MARKS.some((name) => spellingsOf(join(folder, name)).length > 0)) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}
