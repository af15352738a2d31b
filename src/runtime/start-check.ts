/** Looks at the artifact before the app runs: bundled apart, since most starts find it looked at already. */
import { realpath } from "node:fs/promises";
import { sep } from "node:path";
import { markFailed } from "../site/health-marks.ts";
import { siteLayout, type SiteLayout } from "../site/layout.ts";
import { isRefusal } from "../site/trust/refusal.ts";
import { verifyArtifact } from "../site/verify.ts";
import type { SiteOfApp } from "./settings.ts";
import { watchStart, type StartLimit, type UnprovenStart } from "./unproven-start.ts";

/** What the runtime does about the start of an artifact that it may not know. */
export async function checkStart(
  site: SiteOfApp,
  program: string,
  limit: StartLimit | undefined,
): Promise<{ readonly refused: string | undefined; readonly start?: UnprovenStart }> {
  const refused = await reasonNotToStart(site, program);
  if (refused !== undefined || limit === undefined) return { refused };
  try {
    const start = await watchStart(siteLayout(site.root), site.artifact, limit);
    if (start === undefined) return { refused };
    return start.refused === undefined
      ? { refused, start }
      : { refused: `${site.artifact}: ${start.refused}` };
  } catch {
    return { refused }; // What keeps the files from being read or written keeps no app from starting.
  }
}

/**
 * Why the artifact must not run, or undefined. It is marked failed then, so that the launcher knows why it ends and takes
 * no damaged one for the last good. What keeps the files from being read keeps no app from starting, unless a signature is
 * required: then whoever starts it has checked it, and started the copy that was checked.
 */
async function reasonNotToStart(
  { root, artifact, needsSignature }: SiteOfApp,
  program: string,
): Promise<string | undefined> {
  const layout = siteLayout(root);
  if (needsSignature) return (await isSealed(layout, program)) ? undefined : NOT_SEALED;
  try {
    await verifyArtifact(layout, artifact);
    return undefined;
  } catch (error) {
    if (!isRefusal(error)) return undefined;
    const reason = `${error.code}: ${error.message}`;
    await markFailed(layout, artifact, reason).catch(() => undefined); // The launcher marks it then.
    return `${reason} ${error.hint}`;
  }
}

const NOT_SEALED =
  "ARTIFACT_UNSIGNED: this site requires a signature, and what started this program did not check it. " +
  "Use the launchers of this version: inplace-deploy deploy puts them into the site.";

async function isSealed({ sealed }: SiteLayout, program: string): Promise<boolean> {
  try {
    return (await realpath(program)).startsWith((await realpath(sealed)) + sep);
  } catch {
    return false;
  }
}
