import type { SiteConfig } from "../config/config.ts";
import type { DeployEvent, EventSink } from "../events.ts";
import { readHandover, writeHandover } from "../site/handover.ts";
import type { SiteLayout } from "../site/layout.ts";
import { writeOverlap } from "../site/overlap.ts";
import { currentArtifact } from "./publish.ts";

/**
 * Says in the site how its releases follow one another. To be called before the pointer moves, so that what ends for a
 * release is started as this release wants it.
 */
export async function writeRollout(
  layout: SiteLayout,
  { rollout, overlap, supervise, haproxy }: SiteConfig,
  emit: EventSink<DeployEvent>,
): Promise<void> {
  const before = (await readHandover(layout)) === undefined ? "recycle" : "handover";
  const isFirst = (await currentArtifact(layout)) === undefined;
  await writeHandover(layout, rollout === "handover" ? supervise : undefined);
  await writeOverlap(layout, overlap);
  // HAProxy's slots start artifacts without a launcher.
  if (haproxy !== undefined) return;
  if (rollout === "recycle") emit({ type: "rollout-recycles", overlap });
  if (!isFirst && rollout !== before) emit({ type: "rollout-changed", rollout });
}
