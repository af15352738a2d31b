/** Looks at the artifact before the app runs: bundled apart, since most starts find it looked at already. */
import { InplaceError } from "../errors.ts";
import { markFailed } from "../site/health-marks.ts";
import { siteLayout } from "../site/layout.ts";
import { verifyArtifact } from "../site/verify.ts";

/**
 * Why the artifact must not run, or undefined. It is marked failed then, so that the launcher knows why it ends and takes
 * no damaged one for the last good. What keeps the files from being read keeps no app from starting.
 */
export async function reasonNotToStart(root: string, artifact: string): Promise<string | undefined> {
  const layout = siteLayout(root);
  try {
    await verifyArtifact(layout, artifact);
    return undefined;
  } catch (error) {
    if (!(error instanceof InplaceError)) return undefined;
    const reason = `${error.code}: ${error.message}`;
    await markFailed(layout, artifact, reason).catch(() => undefined); // The launcher marks it then.
    return `${reason} ${error.hint}`;
  }
}
