import type { Run } from "../part.ts";
import { ServedSites } from "./served-sites.ts";
import { SoundVisitors } from "./sound-visitors.ts";

const SOUND_VISITORS = 4;
/** Connections to applications that are kept for the next request, and those that a moment ago had a visitor. */
const SPARE_CONNECTIONS = 8;

export interface BesideOptions {
  readonly tls: boolean;
  /** Hostile visitors at the same time. */
  readonly atATime: number;
  /** Sites beside the hostile one. Default: one. */
  readonly sound?: readonly string[];
}

/** Hostile visits of the hostile site, beside sound visitors of sound sites, who must notice nothing. */
export async function besideSoundVisitors(
  run: Run,
  { tls, atATime, sound = ["sound.example"] }: BesideOptions,
  visit: (port: number, seed: number) => Promise<void>,
): Promise<void> {
  const served = await ServedSites.start(run, sound, tls);
  const { port } = served;
  const visitors = await SoundVisitors.start({ port, hosts: sound, tls, visitors: SOUND_VISITORS });
  run.after(() => visitors.stop());
  const base = (await served.connections()) ?? 0;
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
  run.count(`${visitors.sent} requests of others, none lost`);
}
