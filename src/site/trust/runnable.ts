import { join } from "node:path";
import { entryPoint } from "../entry-point.ts";
import type { SiteLayout } from "../layout.ts";
import { verifyArtifact } from "../verify.ts";
import { requiredKey } from "./required-key.ts";
import { seal } from "./seal.ts";

/**
 * The file to start for an artifact, once it has been checked: what was checked is what it is. Without a key that is in
 * `_target`; where the site requires a signature, it lies in a copy that who writes `_target` cannot change. Throws
 * ARTIFACT_INCOMPLETE, ARTIFACT_ALTERED, ARTIFACT_UNSIGNED, and what `requiredKey` and `seal` throw.
 */
export async function runnableFile(
  layout: SiteLayout,
  artifact: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const key = await requiredKey(layout, env);
  if (key !== undefined) return await entryPoint(await seal(layout, artifact, key));
  await verifyArtifact(layout, artifact, env);
  return await entryPoint(join(layout.target, artifact));
}
