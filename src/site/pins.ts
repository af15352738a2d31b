import { open } from "node:fs/promises";
import { join } from "node:path";
import { asSiteError, systemCode } from "../errors.ts";
import { validArtifactName } from "./artifact-name.ts";
import type { SiteLayout } from "./layout.ts";
import { namesIn } from "./present.ts";
import { makeFolder, removeRecord } from "./records.ts";

/** No prune removes a pinned artifact. */
export async function pin(layout: SiteLayout, artifact: string): Promise<void> {
  try {
    await makeFolder(layout, layout.pinned);
    await (await open(join(layout.pinned, validArtifactName(artifact)), "wx")).close();
  } catch (error) {
    if (systemCode(error) === "EEXIST") return;
    throw asSiteError(error, layout.pinned);
  }
}

export async function unpin(layout: SiteLayout, artifact: string): Promise<void> {
  await removeRecord(layout, join(layout.pinned, validArtifactName(artifact)));
}

export async function listPinned(layout: SiteLayout): Promise<ReadonlySet<string>> {
  return new Set(await namesIn(layout.pinned));
}
