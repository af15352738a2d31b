import { execFileSync } from "node:child_process";
import { existsSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { isInside } from "../../paths.ts";
import { OWN_FOLDER } from "../../site/layout.ts";

/** What PrivateTmp= hides; https://www.freedesktop.org/software/systemd/man/252/systemd.exec.html */
const HIDDEN = ["/tmp", "/var/tmp"];

interface Ids {
  readonly uid: number;
  readonly gids: readonly number[];
}

/** What keeps a system service with these units from serving the site, with the cure; nothing where none is known. */
export function unitWarnings(root: string, account: string): readonly string[] {
  const warnings: string[] = [];
  const real = realpathSync(root);
  const hidden = HIDDEN.find((folder) => [root, real].some((path) => isInside(folder, path)));
  if (hidden !== undefined)
    warnings.push(
      `${root} lies below ${hidden}, which PrivateTmp= hides from the service: move the site, to /srv say`,
    );
  // The site's own folder is enough: who deploys may be another account.
  const own = join(root, OWN_FOLDER);
  const folder = existsSync(own) ? own : root;
  const ids = idsOf(account);
  if (ids === undefined)
    warnings.push(`there is no account ${account} on this machine: make it before the start`);
  else if (!mayWrite(ids, folder))
    warnings.push(
      `${account} may not write ${folder}, where the service keeps its notes: sudo chown ${account} '${folder}'`,
    );
  return warnings;
}

function idsOf(account: string): Ids | undefined {
  try {
    const [uid = NaN, ...gids] = ["-u", "-G"].flatMap((option) =>
      execFileSync("id", [option, "--", account], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
        .trim()
        .split(" ")
        .map(Number),
    );
    return { uid, gids };
  } catch {
    // A number needs no name.
    return /^\d+$/.test(account) ? { uid: Number(account), gids: [] } : undefined;
  }
}

function mayWrite({ uid, gids }: Ids, folder: string): boolean {
  const found = statSync(folder);
  const bits = found.uid === uid ? 0o300 : gids.includes(found.gid) ? 0o030 : 0o003;
  return (found.mode & bits) === bits || byAccessList({ uid, gids }, folder);
}

/** Root can ask as the account. */
function byAccessList({ uid, gids }: Ids, folder: string): boolean {
  if (process.getuid?.() !== 0) return false;
  return (gids.length === 0 ? [uid] : gids).some((gid) => {
    try {
      execFileSync("test", ["-w", folder], { uid, gid, stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}
