/** Looks at the artifact before the app runs: bundled apart, since most starts find it looked at already. */
import { InplaceError } from "../errors.ts";
import { siteLayout } from "../site/layout.ts";
import { verifyArtifact } from "../site/verify.ts";

/** Why the artifact must not run, or undefined. What keeps the files from being read keeps no app from starting. */
export async function reasonNotToStart(root: string, artifact: string): Promise<string | undefined> {
  try {
    await verifyArtifact(siteLayout(root), artifact);
    return undefined;
  } catch (error) {
    return error instanceof InplaceError ? `${error.code}: ${error.message} ${error.hint}` : undefined;
  }
}
