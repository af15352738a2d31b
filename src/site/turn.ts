import { hostname } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { SiteLayout } from "./layout.ts";
import {
  beat,
  createOwned,
  currentOwnership,
  disown,
  hasEnded,
  inherit,
  type Owner,
  type Ownership,
} from "./owned-file.ts";
import { makeFolders } from "./records.ts";

/** How often an instance that is draining gives a sign of life, milliseconds. */
const TURN_BEAT_MS = 2_000;
const LOOK_AGAIN_MS = 200;
/** An instance whose replacement has not proved itself this long after its last sign of life is waited for no more, milliseconds. */
export const AWAY_MS = 30_000;
/** An instance waits for its turn no longer than this in all, milliseconds. */
export const TURN_WAIT_MS = 300_000;

export interface TurnOptions {
  /** How many instances may be away at the same time. */
  readonly maxUnavailable: number;
  /** Told once, when the waiting begins. */
  readonly onWait?: (ahead: Owner) => void;
  /** Default: AWAY_MS. */
  readonly awayMs?: number;
  /** Default: TURN_WAIT_MS. */
  readonly waitMs?: number;
}

export interface Turn {
  readonly waitedMs: number;
  /** false: waited for as long as may be; the instance goes without. */
  readonly taken: boolean;
  /** For one who does not go away after all. */
  giveBack(): Promise<void>;
}

/**
 * Waits until this instance may go away. The turn is kept when its process ends, and ended by the replacement
 * (`endTurns`), so that the next one goes when this one is back; a dead owner without replacement blocks for AWAY_MS.
 */
export async function takeTurn(layout: SiteLayout, instance: Owner, options: TurnOptions): Promise<Turn> {
  const { maxUnavailable, onWait, awayMs = AWAY_MS, waitMs = TURN_WAIT_MS } = options;
  const startedAt = performance.now();
  await makeFolders(layout.turns, { within: layout.root });
  for (let told = false; ; told = true) {
    let ahead: Owner | undefined;
    for (let place = 1; place <= maxUnavailable; place++) {
      const file = join(layout.turns, `turn-${place}`);
      // Who is up in its place begins after this.
      const me = { ...instance, since: new Date().toISOString() };
      const { created, now } = await createOwned(file, me);
      if (created) return keep(file, file, me, startedAt);
      const other = await currentOwnership(file);
      if (other === undefined) continue;
      const { owner, beatAt } = other;
      // Of this very site and machine: an instance that follows on one that is gone.
      if (now - beatAt > awayMs && (await inherit(file, owner, me))) {
        return keep(file, `${file}.${owner.id}`, me, startedAt);
      }
      ahead = owner;
    }
    if (ahead !== undefined && !told) onWait?.(ahead);
    if (performance.now() - startedAt > waitMs) return without(startedAt);
    await delay(LOOK_AGAIN_MS);
  }
}

/** Ends the turn of an ended process of this machine: called by each instance that is up, and done where it may be up in its place. */
export async function endTurns(layout: SiteLayout, me: Owner, maxUnavailable: number): Promise<void> {
  for (let place = 1; place <= maxUnavailable; place++) {
    const file = join(layout.turns, `turn-${place}`);
    const away = await currentOwnership(file);
    if (away === undefined || !isAway(away) || me.since < away.owner.since) continue;
    if (await inherit(file, away.owner, me)) return await disown(file, me);
  }
}

function isAway({ owner }: Ownership): boolean {
  return owner.host === hostname() && hasEnded(owner);
}

/** file: the one that names `me`. */
function keep(turn: string, file: string, me: Owner, startedAt: number): Turn {
  const timer = setInterval(() => {
    beat(file, me).catch(() => undefined); // Made up for by the next.
  }, TURN_BEAT_MS);
  timer.unref();
  return {
    waitedMs: Math.round(performance.now() - startedAt),
    taken: true,
    async giveBack() {
      clearInterval(timer);
      await disown(turn, me);
    },
  };
}

function without(startedAt: number): Turn {
  return {
    waitedMs: Math.round(performance.now() - startedAt),
    taken: false,
    giveBack: () => Promise.resolve(),
  };
}
