import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asSiteError, systemCode } from "../errors.ts";
import { validArtifactName } from "./artifact-name.ts";
import type { SiteLayout } from "./layout.ts";

/** No prune removes a pinned artifact. */
export async function pin(layout: SiteLayout, artifact: string): Promise<void> {
  try {
    await mkdir(layout.pinned, { recursive: true });
    await writeFile(join(layout.pinned, validArtifactName(artifact)), "");
  } catch (error) {
    throw asSiteError(error, layout.pinned);
  }
}

export async function unpin(layout: SiteLayout, artifact: string): Promise<void> {
  await rm(join(layout.pinned, validArtifactName(artifact)), { force: true });
}

export async function listPinned(layout: SiteLayout): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(layout.pinned));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return new Set();
    throw error;
  }
}
