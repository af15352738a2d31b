import { stat } from "node:fs/promises";
import { dateOf } from "../date-of.ts";
import { InplaceError } from "../errors.ts";
import { entryPoint } from "../site/entry-point.ts";
import { isMarkedFailed, readLastGood } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { refuseMountedPointer } from "../site/mounts.ts";
import { whereabouts } from "../site/pointer.ts";
import { readRecord } from "../site/records.ts";
import { artifactsIn } from "../site/releases.ts";
import { verifyArtifact } from "../site/verify.ts";
import { wrongKind } from "../site/wrong-kind.ts";
import { finding, type Finding, type FindingCode } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** A time this far ahead is no matter of rounding, milliseconds. */
const FUTURE_MS = 60_000;
/** As launchers have it: what ran longer has served, milliseconds. */
const PROOF_MS = 60_000;
const ARCHIVE = /\.(zip|nupkg|tgz|tar\.gz)$/i;

/** Whether the pointer names something that starts. */
export async function checkPointer({ layout, pointer, now }: Patient): Promise<readonly Finding[]> {
  switch (pointer.state) {
    case "invalid": {
      const wrong = wrongKind(layout.pointer, "file");
      if (wrong !== undefined) return [finding("POINTER_UNSOUND", wrong.message, wrong.hint)];
      return [finding("POINTER_UNSOUND", pointer.error.message)];
    }
    case "dangling":
      return [
        finding(
          "POINTER_DANGLING",
          `${layout.pointer} names ${pointer.artifact}, ${whereabouts(pointer)}.`,
          pointer.inOtherCase === undefined
            ? undefined
            : `Write _target/${pointer.inOtherCase} to _artifact.txt: this system knows case, and so do the launchers.`,
        ),
      ];
    case "missing":
    case "names":
      break;
    default:
      return pointer satisfies never;
  }
  const mounted = await refusal("POINTER_MOUNTED", () => refuseMountedPointer(layout));
  if (mounted.length > 0) return mounted;
  const artifacts = (await artifactsIn(layout)).filter((name) => !ARCHIVE.test(name));
  if (artifacts.length === 0) return [finding("NO_ARTIFACT", `${layout.target} holds no artifact.`)];
  const pointerAt = (await stat(layout.pointer).catch(() => undefined))?.mtimeMs ?? 0;
  if (pointerAt <= now + FUTURE_MS) return [];
  return [finding("POINTER_IN_FUTURE", `${layout.pointer} is of ${dateOf(pointerAt).toISOString()}.`)];
}

/** Whether the current artifact is what was published, and can be started. */
export async function checkCurrent({ layout, pointer, env, now }: Patient): Promise<readonly Finding[]> {
  if (pointer.state !== "names") return [];
  const { artifact, path } = pointer;
  const findings: Finding[] = [];
  if (await isMarkedFailed(layout, artifact)) {
    findings.push(finding("CURRENT_FAILED", `The current artifact ${artifact} is marked failed.`));
  } else if (await provesNothing(layout, artifact, now)) {
    findings.push(
      finding("CURRENT_UNPROVEN", `The current artifact ${artifact} was started, and never proved itself.`),
    );
  }
  findings.push(...(await refusal("NO_ENTRY_POINT", () => entryPoint(path))));
  findings.push(...(await refusal("ARTIFACT_ALTERED", () => verifyArtifact(layout, artifact, env))));
  return findings;
}

/** A launcher started it so long ago that it would have proved itself by now. */
async function provesNothing(layout: SiteLayout, artifact: string, now: number): Promise<boolean> {
  const started = (await readRecord(layout.started))?.trim();
  if (started !== artifact || (await readLastGood(layout)) === artifact) return false;
  const startedAt = (await stat(layout.started)).mtimeMs;
  return now - startedAt > PROOF_MS;
}

/** Archives that nobody unpacked. */
export async function checkArchives({ layout }: Patient): Promise<readonly Finding[]> {
  const archives = (await artifactsIn(layout)).filter((name) => ARCHIVE.test(name));
  return archives.map((name) => finding("ARCHIVE_WAITS", `${name} lies in ${layout.target} as an archive.`));
}

const SAME_CODES: ReadonlySet<string> = new Set(["ARTIFACT_UNSIGNED", "SIGNING_KEY_INVALID"]);

async function refusal(code: FindingCode, work: () => Promise<unknown>): Promise<readonly Finding[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (!(error instanceof InplaceError)) throw error;
    return [finding(SAME_CODES.has(error.code) ? (error.code as FindingCode) : code, error.message)];
  }
}
