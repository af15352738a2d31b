import type { Run } from "../part.ts";
import { ServedSites } from "./served-sites.ts";
import { SoundVisitors } from "./sound-visitors.ts";

const SOUND_VISITORS = 16;

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
  run.startClock();
  await run.batches(
    atATime,
    (seed) => visit(port, seed),
    async () => {
      await served.check(visitors.lost.length > 0);
      visitors.check();
    },
  );
  await visitors.stop();
  await served.lastConnectionEnds(run.limits.hurried);
  await served.check();
  run.count(`requests to ${sound.length} other sites, none lost`, visitors.sent);
}
