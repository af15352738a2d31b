import type { Run } from "../part.ts";
import { ServedSites } from "./served-sites.ts";
import { SoundVisitors } from "./sound-visitors.ts";

const SOUND_VISITORS = 4;
/** A connection to the hostile application that is kept for the next request, and what a moment ago had a visitor. */
const SPARE_CONNECTIONS = 8;

export interface BesideOptions {
  readonly tls: boolean;
  /** Hostile visitors at the same time. */
  readonly atATime: number;
}

/** Hostile visits of the hostile site, beside sound visitors of sound sites, who must notice nothing. */
export async function besideSoundVisitors(
  run: Run,
  { tls, atATime }: BesideOptions,
  visit: (port: number, seed: number) => Promise<void>,
): Promise<void> {
  const sound = Array.from({ length: run.limits.sites - 1 }, (_, index) => `sound${index}.example`);
  const served = await ServedSites.start(run, sound, tls);
  const { port } = served;
  const visitors = await SoundVisitors.start({ port, hosts: sound, tls, visitors: SOUND_VISITORS });
  run.after(() => visitors.stop());
  // Each of them may be on its way to another site, and every site keeps as many connections as it has had at once.
  const base = ((await served.connections()) ?? 0) + SOUND_VISITORS * sound.length;
  await run.batches(
    atATime,
    (seed) => visit(port, seed),
    async () => {
      await served.check(visitors.lost.length > 0);
      visitors.check();
    },
  );
  await served.settles(base + SPARE_CONNECTIONS);
  await served.check();
  run.count(`${visitors.sent} requests to ${sound.length} others, none lost`);
}
