// Deploys its folder again and again, in a process that is kept warm: one commit per message, begun at a given instant.
import { openSync, closeSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InplaceError } from "#src/errors.js";
import { deployFolder } from "../rig/deploy-folder.js";

export interface Round {
  readonly site: string;
  /** A folder of this contender's own, with an entry point app/index.js. */
  readonly source: string;
  readonly commit: string;
  readonly waitMs: number;
  /** Milliseconds since the epoch at which all contenders begin. */
  readonly at: number;
}

/** What was published, or the code of the error. */
export interface RoundResult {
  readonly published?: string;
  readonly code?: string;
}

process.on("message", (round: Round) => {
  void contend(round)
    .catch((error: unknown): RoundResult => ({
      code: error instanceof InplaceError ? error.code : String(error),
    }))
    .then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());

async function contend({ site, source, commit, waitMs, at }: Round): Promise<RoundResult> {
  await writeFile(join(source, "app", "index.js"), `// ${commit}`);
  const alone = join(site, ".inplace", "alone");
  while (Date.now() < at) continue; // A timer would spread the starts over milliseconds.
  const env = { WEBSITE_SITE_NAME: "shop", SCM_COMMIT_ID: commit };
  const { artifact } = await deployFolder(source, site, env, {
    waitMs,
    emit: ({ type }) => {
      // From the build to the pointer: whoever else is between the two finds the file there.
      if (type === "build-started") closeSync(openSync(alone, "wx"));
      if (type === "pointer-moved") rmSync(alone);
    },
  });
  return { published: artifact };
}
