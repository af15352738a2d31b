import { lstat, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { asSiteError, InplaceError, systemCode } from "../errors.ts";
import { asDeployer, type SiteLayout } from "./layout.ts";
import { ownFileIn } from "./own-account.ts";
import { makeFolders } from "./records.ts";

const OTHERS_READ = 0o055;
const GROUP_AND_OTHERS_WRITE = 0o022;

/** Where the account that deploys works: no other account can write there, also not the one that runs the site. */
export interface DeployFolder {
  /** The site, with the temporary files of whoever deploys. */
  readonly layout: SiteLayout;
  /** Throws DEPLOY_FOLDER_UNSAFE if another folder lies in its place by now. */
  readonly confirm: () => Promise<void>;
}

/** Which folder it is, and whose. */
interface Identity {
  readonly dev: number;
  readonly ino: number;
  readonly uid: number;
}

/**
 * Makes the folder where there is none. Throws DEPLOY_FOLDER_UNSAFE if it is a link, belongs to another account or others
 * may write it; on Windows it has the rights of the site's folder.
 */
export async function openDeployFolder(site: SiteLayout): Promise<DeployFolder> {
  const layout = asDeployer(site);
  const path = layout.deploys;
  try {
    const made = await makeOwn(path);
    const found = await lstat(path);
    if (!found.isDirectory()) throw unsafe(path, "is no folder");
    // Asked of a file of our own: on a share we may be another account than here, or there may be no rights at all.
    const own = await ownFile(path);
    if (found.uid !== own.uid) throw unsafe(path, `belongs to account ${found.uid}`);
    const keepsRights = (own.mode & GROUP_AND_OTHERS_WRITE) === 0;
    if (keepsRights && (found.mode & GROUP_AND_OTHERS_WRITE) !== 0)
      throw unsafe(path, "may be written by others");
    await makeFolders(layout.staging);
    await letOthersRead(site, own.uid);
    // Also where the site lies in a repository that ignores what earlier versions wrote, and no more.
    if (made) await writeFile(join(path, ".gitignore"), "*\n");
    return { layout, confirm: () => confirm(path, found) };
  } catch (error) {
    throw asSiteError(error, path);
  }
}

/** false: it is there already. */
async function makeOwn(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** What another account is to run it has to be able to read, whatever the umask of who deploys. */
async function letOthersRead({ history }: SiteLayout, me: number): Promise<void> {
  const runtime = await lstat(dirname(history)).catch(() => undefined);
  if (runtime !== undefined && runtime.uid !== me) process.umask(process.umask() & ~OTHERS_READ);
}

async function confirm(path: string, opened: Identity): Promise<void> {
  const found = await lstat(path).catch(() => undefined); // Gone is not the same either.
  const same = found?.dev === opened.dev && found.ino === opened.ino && found.uid === opened.uid;
  if (!same || found?.isDirectory() !== true)
    throw unsafe(path, "was replaced while this deploy worked in it");
}

async function ownFile(folder: string): Promise<{ readonly uid: number; readonly mode: number }> {
  return await ownFileIn(folder).catch((error: unknown) => {
    // Somebody else's, most likely; what is said of a site that cannot be written would mislead.
    throw systemCode(error) === "EACCES" ? unsafe(folder, "is closed to this account") : error;
  });
}

function unsafe(path: string, what: string): InplaceError {
  return new InplaceError("DEPLOY_FOLDER_UNSAFE", `${path} ${what}: nothing is built or signed there.`);
}
