import { randomBytes } from "node:crypto";
import { lstat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { asSiteError, InplaceError, systemCode } from "../errors.ts";
import type { DeployEvent, EventSink } from "../events.ts";
import { clearFailed, listFailed } from "../site/health-marks.ts";
import { appendHistory } from "../site/history.ts";
import type { SiteLayout } from "../site/layout.ts";
import { acquireLock } from "../site/lock.ts";
import { manifestPath } from "../site/manifest.ts";
import { moveAside } from "../site/move-into.ts";
import { verifiedPath } from "../site/verified.ts";
import { makeFolders, readRecord, removeRecord } from "../site/records.ts";
import { readReleases, type Release } from "../site/releases.ts";
import { removeTree } from "../site/remove-tree.ts";

/** How many are removed at the same time. */
const AT_A_TIME = 64;

export interface PruneOptions {
  readonly layout: SiteLayout;
  /** How many of the newest proven releases stay, besides the current, the last good, the running and the last deployed one. */
  readonly keep: number;
  /** What runs besides what the launcher started. */
  readonly running?: readonly string[];
  readonly dryRun: boolean;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly emit: EventSink<DeployEvent>;
}

export interface Pruned {
  readonly removed: readonly string[];
  readonly kept: readonly string[];
  /** Held open by a program; the next prune tries again. */
  readonly locked: readonly string[];
}

/** Removes old artifacts. Releases that never proved healthy do not count towards `keep`; only if there are too few, they fill up. */
export async function prune(options: PruneOptions): Promise<Pruned> {
  const { layout, emit } = options;
  const lock = await acquireLock(layout, { waitMs: options.waitMs, signal: options.signal });
  try {
    const releases = await readReleases(layout);
    const running = new Set([...(options.running ?? []), await startedArtifact(layout)]);
    const keep = keptReleases(releases, options.keep, running);
    const old = releases.map(({ artifact }) => artifact).filter((artifact) => !keep.has(artifact));
    const kept = [...keep];
    if (options.dryRun) return { removed: old, kept, locked: [] };
    const locked = new Set<string>();
    for (let from = 0; from < old.length; from += AT_A_TIME) {
      assertNotInterrupted(options.signal, from > 0);
      for (const artifact of await removeAll(layout, old.slice(from, from + AT_A_TIME), emit)) {
        locked.add(artifact);
        emit({ type: "artifact-locked", artifact });
      }
    }
    return { removed: old.filter((artifact) => !locked.has(artifact)), kept, locked: [...locked] };
  } finally {
    await lock.release();
  }
}

/** Throws INTERRUPTED. */
function assertNotInterrupted(signal: AbortSignal, begun: boolean): void {
  if (begun && signal.aborted)
    throw new InplaceError("INTERRUPTED", "Interrupted when some of the old artifacts had been removed.", {
      hint: "Run the command again for the others.",
      cause: signal.reason,
    });
  signal.throwIfAborted();
}

function keptReleases(
  releases: readonly Release[],
  count: number,
  running: ReadonlySet<string | undefined>,
): Set<string> {
  // What was never published may be a drop that is still being copied.
  const always = releases.filter(
    (one) =>
      one.current || one.lastGood || one.pinned || running.has(one.artifact) || one.publishedAt === undefined,
  );
  const sound = releases.filter((one) => one.failed === undefined && one.publishedAt !== undefined);
  const ranked = [...sound.filter((one) => one.proven), ...sound.filter((one) => !one.proven)];
  // However many drops came after it: what a deploy published last, and of these the last that proved healthy.
  const deployed = [releases, ranked].flatMap((order) => order.find((one) => one.deployed) ?? []);
  return new Set([...always, ...deployed, ...ranked.slice(0, count)].map((one) => one.artifact));
}

/** Gives those that a program holds open. */
async function removeAll(
  layout: SiteLayout,
  artifacts: readonly string[],
  emit: EventSink<DeployEvent>,
): Promise<readonly string[]> {
  const ended = await Promise.allSettled(artifacts.map((artifact) => removeArtifact(layout, artifact)));
  const where = (gone: boolean): string[] =>
    artifacts.filter((_, index) => {
      const end = ended[index];
      return end?.status === "fulfilled" && end.value === gone;
    });
  const removed = where(true);
  const marked = new Set((await listFailed(layout)).map(({ artifact }) => artifact));
  for (const artifact of removed.filter((name) => marked.has(name))) await clearFailed(layout, artifact);
  await appendHistory(layout, ...removed.map((artifact) => ({ event: "pruned" as const, artifact })));
  for (const artifact of removed) emit({ type: "artifact-pruned", artifact });
  const failed = ended.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return where(false);
}

/** False where a program holds it open. */
async function removeArtifact(layout: SiteLayout, artifact: string): Promise<boolean> {
  const path = join(layout.target, artifact);
  try {
    await unlink(path).catch(async (error: unknown) => {
      if (!(await lstat(path)).isDirectory()) throw error;
      await removeFolder(layout, path);
    });
  } catch (error) {
    if (["EPERM", "EBUSY", "EACCES", "ETXTBSY"].includes(systemCode(error) ?? "")) return false;
    throw asSiteError(error, path);
  }
  await removeRecord(layout, manifestPath(layout, artifact));
  await removeRecord(layout, verifiedPath(layout, artifact));
  return true;
}

// Renamed away first: nobody may find half a folder under an artifact's name.
async function removeFolder(layout: SiteLayout, path: string): Promise<void> {
  await makeFolders(layout.staging);
  const aside = join(layout.staging, `build-${randomBytes(4).toString("hex")}-pruned`);
  const moved = await moveAside(path, aside);
  // What is held open in it is removed by a later deploy, like all leftovers.
  await removeTree(moved).catch(() => undefined);
}

async function startedArtifact(layout: SiteLayout): Promise<string | undefined> {
  return (await readRecord(layout.started))?.trim();
}
