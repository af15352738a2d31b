import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { InplaceError } from "../errors.ts";
import { isNodeProgram } from "../site/entry-point.ts";
import { isMarkedFailed, markFailed, readLastGood } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { pointedArtifact } from "../site/pointer.ts";
import { requiredKey } from "../site/trust/required-key.ts";
import { verifyArtifact } from "../site/verify.ts";

/**
 * Launchers are shell and cannot hash: of what they would start now, an artifact that is not what was published is marked
 * failed, so that they take another one. Node programs are left to the runtime, which looks at them by itself. Where a
 * signature is required, launchers ask the runtime; throws ARTIFACT_UNSIGNED where `program`, which web.config names, does not.
 * `env`: of what is started.
 */
export async function refuseAltered(
  layout: SiteLayout,
  program: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  if ((await requiredKey(layout, env)) !== undefined) return await assertAsks(layout, program);
  try {
    await markAltered(layout);
  } catch {
    return; // A disk that takes no marks starts what there is.
  }
}

async function assertAsks({ root }: SiteLayout, program: string): Promise<void> {
  const isLauncher = dirname(program) === root && LAUNCHERS.has(basename(program).toLowerCase());
  const text = isLauncher ? await readFile(program, "utf8").catch(() => "") : "";
  if (text.includes("choose.mjs")) return;
  const what = `This site requires a signature, and ${program}, which web.config names, starts what nobody has checked.`;
  throw new InplaceError("ARTIFACT_UNSIGNED", what, {
    hint: "Let processPath name launch.cmd as inplace-deploy deploy puts it into the site.",
  });
}

const LAUNCHERS: ReadonlySet<string> = new Set(["launch.cmd", "launch.sh"]);

async function markAltered(layout: SiteLayout): Promise<void> {
  for (const artifact of [await pointedArtifact(layout), await readLastGood(layout)]) {
    if (artifact === undefined || (await isMarkedFailed(layout, artifact))) continue;
    if (await mayStart(layout, artifact)) return;
  }
}

/** What keeps it from being looked at keeps nothing from starting. */
async function mayStart(layout: SiteLayout, artifact: string): Promise<boolean> {
  try {
    if (!(await isNodeProgram(layout, artifact))) await verifyArtifact(layout, artifact);
  } catch (error) {
    if (error instanceof InplaceError && error.code === "ARTIFACT_ALTERED") {
      await markFailed(layout, artifact, `${error.code}: ${error.message}`);
      return false;
    }
  }
  return true;
}
