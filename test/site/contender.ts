// A deploy of the lightest kind, kept warm: takes the lock, publishes, gives the lock back, once per message.
import { open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InplaceError } from "#src/errors.js";
import { siteLayout } from "#src/site/layout.js";
import { acquireLock } from "#src/site/lock.js";
import { describeArtifact, writeManifest } from "#src/site/manifest.js";
import { writePointer } from "#src/site/pointer.js";

export interface Round {
  readonly site: string;
  readonly artifact: string;
  readonly waitMs: number;
  /** Milliseconds since the epoch at which all contenders begin. */
  readonly at: number;
}

export type RoundResult =
  | { readonly result: "waiting" }
  | { readonly result: "published" }
  | { readonly result: "gave-up"; readonly code: string };

process.on("message", (round: Round) => {
  void contend(round)
    .catch((error: unknown): RoundResult => ({
      result: "gave-up",
      code: error instanceof InplaceError ? error.code : String(error),
    }))
    .then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());

async function contend({ site, artifact, waitMs, at }: Round): Promise<RoundResult> {
  const layout = siteLayout(site);
  while (Date.now() < at) continue; // A timer would spread the starts over milliseconds.
  const onWait = (): void => void process.send?.({ result: "waiting" } satisfies RoundResult);
  const lock = await acquireLock(layout, { waitMs, onWait });
  try {
    const alone = join(layout.root, "alone");
    await (await open(alone, "wx")).close();
    await writeFile(join(layout.target, artifact), artifact);
    const content = await describeArtifact(join(layout.target, artifact));
    const builtAt = new Date().toISOString();
    await writeManifest(layout, { schemaVersion: 1, artifact, origin: "deploy", builtAt, ...content });
    await lock.confirm();
    await writePointer(layout, artifact);
    await rm(alone);
  } finally {
    await lock.release();
  }
  return { result: "published" };
}
