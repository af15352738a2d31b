import { open, rm, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { asInplaceError, asSiteError } from "../errors.ts";
import { exists } from "../site/present.ts";
import { wrongKind } from "../site/wrong-kind.ts";
import { spellingsOf } from "../site/windows-names.ts";
import { finding, type Finding } from "./finding.ts";
import type { Patient } from "./patient.ts";

const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;
/** Clocks this far apart mix up which drop is newer, milliseconds. */
const SKEW_MS = 5_000;

/** Writes a file where deploys and the running app have to; its time tells the file system's clock. */
export async function checkWriting({ layout, now }: Patient): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const startedAt = performance.now();
  for (const folder of [layout.target, layout.staging, layout.root]) {
    const wrong = wrongKind(folder, "folder");
    if (wrong !== undefined) {
      findings.push(finding("NOT_WRITABLE", wrong.message, wrong.hint));
      continue;
    }
    const probe = join(await nearestFolder(folder), `.doctor-${process.pid}.tmp`);
    try {
      const file = await open(probe, "wx");
      const { mtimeMs } = await file.stat();
      await file.close();
      const skew = Math.round(mtimeMs - (now + performance.now() - startedAt));
      if (Math.abs(skew) > SKEW_MS && folder === layout.target) {
        findings.push(finding("CLOCK_SKEW", `The clock of ${folder} is ${skew} ms ahead of this machine's.`));
      }
    } catch (error) {
      findings.push(
        finding("NOT_WRITABLE", `${folder}: ${asInplaceError(asSiteError(error, folder)).message}`),
      );
    } finally {
      await rm(probe, { force: true }).catch(() => undefined);
    }
  }
  return findings;
}

/** Before the first deploy there is no other: who can write there makes it. */
async function nearestFolder(folder: string): Promise<string> {
  let at = folder;
  while (at !== dirname(at) && !(await exists(at))) at = dirname(at);
  return at;
}

/** On Windows access lists tell, not modes. */
export async function checkOthersMayWrite({ layout }: Patient): Promise<readonly Finding[]> {
  if (process.platform === "win32") return [];
  const findings: Finding[] = [];
  const paths = [
    layout.root,
    layout.target,
    layout.pointer,
    ...spellingsOf(layout.webConfig),
    join(layout.root, "launch.sh"),
  ];
  for (const path of [...paths, join(layout.root, ".inplace"), layout.manifests]) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || (found.mode & OTHERS_WRITE) === 0 || (found.mode & STICKY) !== 0) continue;
    findings.push(finding("WORLD_WRITABLE", `Every account may write ${path}.`));
  }
  return findings;
}

export async function checkSpace({ layout, leastFreeBytes }: Patient): Promise<readonly Finding[]> {
  // Before the first deploy there is no target folder.
  const target = (await exists(layout.target)) ? [layout.target] : [];
  for (const folder of [layout.root, ...target]) {
    const disk = await statfs(folder);
    const free = disk.bavail * disk.bsize;
    if (free < leastFreeBytes)
      return [finding("DISK_LOW", `${Math.round(free / 1024 ** 2)} MB are free at ${folder}.`)];
  }
  return [];
}
