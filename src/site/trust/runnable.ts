import { constants } from "node:fs";
import { access, chmod, stat } from "node:fs/promises";
import { join } from "node:path";
import { entryPoint, NODE_PROGRAM } from "../entry-point.ts";
import type { SiteLayout } from "../layout.ts";
import { verifyArtifact } from "../verify.ts";
import { requiredKey } from "./required-key.ts";
import { seal } from "./seal.ts";

const OWNER_EXECUTES = 0o100;

/**
 * The file to start for an artifact, once it has been checked: what was checked is what it is. Without a key that is in
 * `_target`; where the site requires a signature, it lies in a copy that who writes `_target` cannot change. Throws
 * ARTIFACT_INCOMPLETE, NOT_A_PROGRAM, ARTIFACT_ALTERED, ARTIFACT_UNSIGNED, and what `requiredKey` and `seal` throw.
 */
export async function runnableFile(
  layout: SiteLayout,
  artifact: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const key = await requiredKey(layout, env);
  if (key === undefined) await verifyArtifact(layout, artifact, env);
  const path = key === undefined ? join(layout.target, artifact) : await seal(layout, artifact, key);
  const file = await entryPoint(path);
  await makeExecutable(file);
  return file;
}

/** A copy by FTP, or from Windows, has lost that. Where it may not be changed, the start says what is wrong. */
async function makeExecutable(file: string): Promise<void> {
  if (process.platform === "win32" || NODE_PROGRAM.test(file) || file.endsWith(".sh")) return;
  await access(file, constants.X_OK).catch(async () => {
    const { mode } = await stat(file);
    await chmod(file, mode | OWNER_EXECUTES).catch(() => undefined);
  });
}
