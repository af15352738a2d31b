import { randomBytes } from "node:crypto";
import { lstat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { asSiteError } from "../errors.ts";
import { isBeside } from "../site/beside.ts";
import { openDeployFolder } from "../site/deploy-folder.ts";
import type { SiteLayout } from "../site/layout.ts";
import { refuseMountedPointer } from "../site/mounts.ts";
import { moveInto } from "../site/move-into.ts";
import { exists, namesIn } from "../site/present.ts";
import { removeTree } from "../site/remove-tree.ts";
import { makeFolders } from "../site/records.ts";
import { wrongKind } from "../site/wrong-kind.ts";

const BUILD_PREFIX = "build-";
/** A temporary file of an atomic write lives for milliseconds; one this old was left by a killed process. */
const STALE_TEMPORARY_MS = 3_600_000;

/** One deploy's place to build in; on the site's volume, so that a rename publishes. */
export interface Staging {
  readonly folder: string;
  /** The build creates its artifact in here, and nothing else. */
  readonly output: string;
  /** For a clean checkout of another commit. */
  readonly checkout: string;
  /** The site, with the temporary files of whoever deploys. */
  readonly layout: SiteLayout;
  /** Throws DEPLOY_FOLDER_UNSAFE if this is not the folder any more that was opened. */
  readonly confirm: () => Promise<void>;
  remove(): Promise<void>;
}

/** The caller holds the site's lock: whatever builds lie in staging are leftovers of killed deploys, and are removed. */
export async function openStaging(site: SiteLayout): Promise<Staging> {
  const { layout, confirm } = await openDeployFolder(site);
  try {
    await refuseMountedPointer(layout);
    refuseWrongKinds(layout);
    await removeLeftovers(layout.staging);
    for (const folder of [layout.target, layout.root]) await removeLeftovers(folder, isBeside);
    // Deploys of earlier versions worked there.
    if (await isOurs(site)) {
      await removeLeftovers(site.staging);
      for (const folder of foldersOfRecords(site)) await removeLeftovers(folder, isBeside);
      await takeOver(join(dirname(site.staging), "synchronised"), layout.synchronised);
    }
    const folder = join(layout.staging, `${BUILD_PREFIX}${randomBytes(4).toString("hex")}`);
    const output = join(folder, "out");
    await makeFolders(output);
    const checkout = join(folder, "checkout");
    return { folder, output, checkout, layout, confirm, remove: () => removeLeft(folder) };
  } catch (error) {
    throw asSiteError(error, layout.staging);
  }
}

/** Before anything is built, and not when it is to be put there. */
function refuseWrongKinds({ target, pointer, history }: SiteLayout): void {
  const wrong =
    wrongKind(target, "folder") ?? wrongKind(dirname(history), "folder") ?? wrongKind(pointer, "file");
  if (wrong !== undefined) throw wrong;
}

function foldersOfRecords({ history, manifests, verified, failed, runtime }: SiteLayout): string[] {
  return [dirname(history), manifests, verified, failed, runtime];
}

/** Another account's may be changed under our hands into links, which would lead the removal out of it. */
async function isOurs({ staging }: SiteLayout): Promise<boolean> {
  const me = process.getuid?.();
  for (const folder of [dirname(staging), staging]) {
    const found = await lstat(folder).catch(() => undefined); // There need be none.
    if (found?.isDirectory() !== true || (me !== undefined && found.uid !== me)) return false;
  }
  return true;
}

/** Where the new one is there already, the old one says nothing any more. */
async function takeOver(old: string, path: string): Promise<void> {
  if (!(await exists(path)) && (await exists(old))) await moveInto(old, path);
}

async function removeLeftovers(folder: string, isOurs = (_: string): boolean => true): Promise<void> {
  for (const name of (await namesIn(folder)).filter(isOurs)) {
    const path = join(folder, name);
    if (name.startsWith(BUILD_PREFIX) || (await ageOf(path)) > STALE_TEMPORARY_MS) await removeLeft(path);
  }
}

/** Best effort: on Windows a scanner may hold a file for a while; the next deploy removes the rest. */
async function removeLeft(path: string): Promise<void> {
  await removeTree(path).catch(() => undefined);
}

async function ageOf(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined); // Gone meanwhile.
  return found === undefined ? 0 : Date.now() - found.mtimeMs;
}
