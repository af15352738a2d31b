import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { InplaceError, type ErrorCode } from "../../errors.ts";
import type { EventSink, WatchEvent } from "../../events.ts";
import { isArtifactName } from "../../site/artifact-name.ts";
import { entryPoint } from "../../site/entry-point.ts";
import type { SiteLayout } from "../../site/layout.ts";
import { moveInto } from "../../site/move-into.ts";
import { describeArtifact } from "../../site/manifest.ts";
import { adopt, refused, type Adopted, type Adoption } from "../adopt.ts";
import { fingerprint } from "../fingerprint.ts";
import { withoutArchiveEnding } from "./archive-name.ts";
import { unpack } from "./unpack.ts";
import { ARCHIVE_LIMITS } from "./unpacking.ts";
import { exists } from "../../site/present.ts";
import { removeTree } from "../../site/remove-tree.ts";

/** The archive's own faults. */
const LASTING: ReadonlySet<ErrorCode> = new Set([
  "ARCHIVE_UNSAFE",
  "ARCHIVE_DAMAGED",
  "ARTIFACT_INCOMPLETE",
  "NOT_A_PROGRAM",
]);

/**
 * Unpacks an archive in staging, moves the folder into the target folder under the archive's name without its ending
 * (`.2`, `.3` after it where that is taken by other content), adopts it there and removes the archive.
 */
export async function adoptArchive(
  layout: SiteLayout,
  adoption: Adoption,
  events: EventSink<WatchEvent>,
): Promise<Adopted> {
  const { artifact: archive, path, signal } = adoption;
  const name = withoutArchiveEnding(archive);
  const startedAt = performance.now();
  const staging = join(layout.staging, `archive-${randomBytes(6).toString("hex")}`);
  try {
    await mkdir(layout.staging, { recursive: true });
    const { folder, files, bytes } = await unpack(path, staging, ARCHIVE_LIMITS, signal);
    // Another instance of the site may have been faster, and has removed the archive.
    const untouched = (await fingerprint(path).catch(() => "gone")) === adoption.print;
    if (signal.aborted || !untouched || !(await adoption.stillWanted())) return { result: "overtaken" };
    await entryPoint(folder, name);
    const artifact = await place(layout, folder, name, signal);
    const ms = Math.round(performance.now() - startedAt);
    events({ type: "archive-unpacked", archive, artifact, files, bytes, ms });
    const placed = join(layout.target, artifact);
    const print = await fingerprint(placed);
    const adopted = await adopt(layout, { ...adoption, artifact, path: placed, print }, events);
    // Left behind it does no harm: it is older than the pointer now.
    if (adopted.result === "adopted") await rm(path, { force: true }).catch(() => undefined);
    return adopted;
  } catch (error) {
    if (signal.aborted) return { result: "overtaken" };
    if (!(error instanceof InplaceError)) throw error;
    return refused(error, LASTING.has(error.code));
  } finally {
    await removeTree(staging).catch(() => undefined); // Why it was not unpacked says more, and a deploy clears it away.
  }
}

/** Gives the name under which the content is in the target folder. */
async function place(layout: SiteLayout, folder: string, name: string, signal: AbortSignal): Promise<string> {
  for (let revision = 1; ; revision++) {
    const artifact = revision === 1 ? name : `${name}.${revision}`;
    if (!isArtifactName(artifact)) {
      throw new InplaceError("ARCHIVE_UNSAFE", `${JSON.stringify(artifact)} is no artifact name.`);
    }
    const path = join(layout.target, artifact);
    if (!(await exists(path))) {
      try {
        await moveInto(folder, path);
        return artifact;
      } catch (error) {
        if (!(await exists(path))) throw error;
      }
    }
    if (await sameContent(folder, path, signal)) return artifact;
  }
}

async function sameContent(folder: string, path: string, signal: AbortSignal): Promise<boolean> {
  const [mine, theirs] = await Promise.all([
    describeArtifact(folder, signal),
    describeArtifact(path, signal).catch(() => undefined),
  ]);
  return theirs?.kind === "folder" && mine.sha256 === theirs.sha256;
}
