import { performance } from "node:perf_hooks";
import { asInplaceError, InplaceError, systemCode, type ErrorCode } from "../errors.ts";
import type { EventSink, WatchEvent } from "../events.ts";
import { entryPoint } from "../site/entry-point.ts";
import { clearFailed } from "../site/health-marks.ts";
import { appendHistory } from "../site/history.ts";
import type { SiteLayout } from "../site/layout.ts";
import { describeArtifact, readManifest, type ArtifactContent } from "../site/manifest.ts";
import { pointBack, readPointer, writePointer } from "../site/pointer.ts";
import { removeRecord } from "../site/records.ts";
import { assertSigned } from "../site/signature.ts";
import { recordVerified } from "../site/verified.ts";
import { fingerprint } from "./fingerprint.ts";
import { stageManifest, type StagedManifest } from "./staged-manifest.ts";

export interface Adoption {
  readonly artifact: string;
  readonly path: string;
  /** Its fingerprint when it was found whole. */
  readonly print: string;
  /** Asked once it is hashed, which takes a while: whether it is still to be adopted. */
  readonly stillWanted: () => Promise<boolean>;
  /** As WatchOptions.env. */
  readonly env?: NodeJS.ProcessEnv;
  /** Aborts when it is not to be waited for any more: then it is not read to its end. */
  readonly signal: AbortSignal;
}

export type Adopted =
  | { readonly result: "adopted"; readonly content: ArtifactContent }
  /** It was written to meanwhile, it is gone, a newer release was published, or it was given up. */
  | { readonly result: "overtaken" }
  | Refused;

export interface Refused {
  readonly result: "refused";
  readonly code: ErrorCode;
  readonly reason: string;
  /** It stays so until the artifact changes. */
  readonly lasting: boolean;
}

export function refused(error: unknown, lasting: boolean): Refused {
  const { code, message } = asInplaceError(error);
  return { result: "refused", code, reason: message, lasting };
}

/**
 * Makes a whole artifact that was put there by hand a release: pointer, manifest, history, in this order, so that
 * a kill in between leaves something that the next look completes. The manifest is written beforehand and only gets its name
 * then, so that the pointer never moves to what cannot be adopted. Done by several processes at once, it is told once.
 */
export async function adopt(
  layout: SiteLayout,
  adoption: Adoption,
  events: EventSink<WatchEvent>,
): Promise<Adopted> {
  const { artifact, path, signal } = adoption;
  const startedAt = performance.now();
  const content = await described(path, signal);
  if (!("sha256" in content)) return content;
  const ms = Math.round(performance.now() - startedAt);
  const untouched = (await fingerprint(path).catch(() => "gone")) === adoption.print;
  if (signal.aborted || !untouched || !(await adoption.stillWanted())) return { result: "overtaken" };
  const untrusted = await reasonNotToTrust(layout, adoption, content);
  if (untrusted !== undefined) return refused(untrusted, false);
  const builtAt = new Date().toISOString();
  const manifest = await stageManifest(layout, {
    schemaVersion: 1,
    artifact,
    origin: "drop",
    builtAt,
    ...content,
  });
  try {
    await clearFailed(layout, artifact);
    if (await makeCurrent(layout, artifact, manifest)) {
      events({ type: "artifact-adopted", artifact, bytes: content.size, ms });
      await recordVerified(layout, artifact);
      await appendHistory(layout, { event: "adopted", artifact }).catch((error: unknown) => {
        events({ type: "adoption-unrecorded", artifact, message: asInplaceError(error).message });
      });
    }
  } finally {
    await manifest.discard();
  }
  return { result: "adopted", content };
}

/** True for the one process of several that did it. Where it fails, the pointer names what it named before. */
async function makeCurrent(layout: SiteLayout, artifact: string, manifest: StagedManifest): Promise<boolean> {
  const before = await readPointer(layout);
  const named = before.state === "names" || before.state === "dangling" ? before.artifact : undefined;
  if (named !== artifact) await writePointer(layout, artifact);
  try {
    return await manifest.claim();
  } catch (error) {
    await takeBack(layout, artifact, named).catch(() => undefined); // The error says more.
    throw error;
  }
}

/** named: what the pointer named before; undefined: nothing. */
async function takeBack(layout: SiteLayout, artifact: string, named: string | undefined): Promise<void> {
  if (named !== undefined) return await pointBack(layout, artifact, named);
  const now = await readPointer(layout);
  if (now.state === "names" && now.artifact === artifact) await removeRecord(layout, layout.pointer);
}

/** Where signatures are required, only content whose signed manifest is there already may be put in by hand. */
async function reasonNotToTrust(
  layout: SiteLayout,
  { artifact, env }: Adoption,
  content: ArtifactContent,
): Promise<InplaceError | undefined> {
  try {
    const manifest = await readManifest(layout, artifact);
    const same = manifest?.sha256 === content.sha256 ? manifest : undefined;
    await assertSigned(layout, artifact, same, { env });
    return undefined;
  } catch (error) {
    if (error instanceof InplaceError) return error;
    throw error;
  }
}

async function described(
  path: string,
  signal: AbortSignal,
): Promise<ArtifactContent | Exclude<Adopted, { result: "adopted" }>> {
  try {
    await entryPoint(path);
    return await describeArtifact(path, signal);
  } catch (error) {
    if (signal.aborted) return { result: "overtaken" };
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return { result: "overtaken" };
    return refused(error, error instanceof InplaceError);
  }
}
