import { performance } from "node:perf_hooks";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { asSiteError, InplaceError } from "../errors.ts";
import type { SiteLayout } from "./layout.ts";
import { joinQueue, type Place } from "./lock-queue.ts";
import {
  beat,
  createOwned,
  currentOwnership,
  disown,
  hasEnded,
  inherit,
  removeOwned,
  thisProcess,
  type Owner,
  type Ownership,
} from "./owned-file.ts";
import { makeFolder, makeFolders } from "./records.ts";

export type LockOwner = Owner;

export interface LockOptions {
  /** How long to wait for another deploy to end, milliseconds. Default: 0. */
  readonly waitMs?: number;
  /** Ends the waiting with its reason. */
  readonly signal?: AbortSignal;
  /** Told once, when the waiting begins. */
  readonly onWait?: (owner: LockOwner) => void;
}

export interface HeldLock {
  /** Throws LOCK_LOST if somebody else took the lock: because they were told to, or this process was suspended. */
  confirm(): Promise<void>;
  /** Never rejects: a lock that cannot be removed now is inherited once this process has ended. */
  release(): Promise<void>;
}

/** How often the owner gives a sign of life, by which deploys on other machines know it, milliseconds. */
export const LOCK_BEAT_MS = 2_000;
/** An owner without a sign of life for this long by the file system's clock is a suspect, milliseconds. */
export const LOCK_STALE_MS = 30_000;
/** A suspect that stays silent for this long by our own clock is dead: clocks can jump, milliseconds. */
const CONFIRM_DEAD_MS = 3 * LOCK_BEAT_MS;
const RETRY_MS = 100;

/**
 * One deploy at a time per site, over processes and over machines that share the folder. Waits at most waitMs; then
 * throws LOCK_HELD naming the owner. Of several that wait, the newest supersedes the others: they throw LOCK_SUPERSEDED.
 */
export async function acquireLock(layout: SiteLayout, options: LockOptions = {}): Promise<HeldLock> {
  const { waitMs = 0, signal, onWait } = options;
  const deadline = performance.now() + waitMs;
  const me = thisProcess();
  const suspicion = new Suspicion();
  let place: Place | undefined;
  try {
    // The first deploy makes the site.
    await makeFolders(layout.root);
    await makeFolder(layout, dirname(layout.lock));
    for (;;) {
      signal?.throwIfAborted();
      const newer = await place?.newer();
      if (newer !== undefined) throw superseded(newer);
      const { created, now } = await createOwned(layout.lock, me);
      if (created) return hold(layout.lock, layout.lock, me);
      const other = await currentOwnership(layout.lock);
      if (other === undefined) continue;
      const state = suspicion.judge(other, now);
      if (state === "dead" && (await inherit(layout.lock, other.owner, me))) {
        return hold(layout.lock, `${layout.lock}.${other.owner.id}`, me);
      }
      if (state !== "suspect" && performance.now() + RETRY_MS > deadline) throw held(layout, other.owner);
      if (place === undefined && waitMs > 0) {
        place = await joinQueue(layout, me);
        onWait?.(other.owner);
      }
      // An abort ends the pause early; the loop begins by throwing its reason.
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  } catch (error) {
    throw asSiteError(error, layout.lock);
  } finally {
    await place?.leave();
  }
}

/** Who holds the site's deploy lock now; undefined when nobody does. */
export async function lockOwner(layout: SiteLayout): Promise<LockOwner | undefined> {
  const other = await currentOwnership(layout.lock);
  if (other === undefined || hasEnded(other.owner)) return undefined;
  return Date.now() - other.beatAt > LOCK_STALE_MS ? undefined : other.owner;
}

/**
 * Removes the lock of a dead owner, with force of a living one too, which then fails with LOCK_LOST before it
 * publishes. Gives the owner, or undefined where there was no lock. Throws LOCK_HELD.
 */
export async function unlock(layout: SiteLayout, force: boolean): Promise<LockOwner | undefined> {
  const owner = (await currentOwnership(layout.lock))?.owner;
  if (owner === undefined) return undefined;
  if (force) await removeOwned(layout.lock).catch((error: unknown) => rethrow(error, layout));
  else await (await acquireLock(layout)).release();
  return owner;
}

/** Tells the dead from the living; a suspect is looked at again. */
class Suspicion {
  #silent: { readonly id: string; readonly beatAt: number; readonly since: number } | undefined;

  /** now: the file system's clock, milliseconds. */
  judge({ owner, beatAt }: Ownership, now: number): "alive" | "suspect" | "dead" {
    if (hasEnded(owner)) return "dead";
    if (now - beatAt <= LOCK_STALE_MS) return "alive";
    if (this.#silent?.id !== owner.id || this.#silent.beatAt !== beatAt) {
      this.#silent = { id: owner.id, beatAt, since: performance.now() };
    }
    return performance.now() - this.#silent.since > CONFIRM_DEAD_MS ? "dead" : "suspect";
  }
}

/** file: the one that names `me`, the lock itself or a deed. */
function hold(lock: string, file: string, me: Owner): HeldLock {
  let beating: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    // A sign of life that fails is made up for by the next; whether the lock is lost, confirm() asks.
    beating = beat(file, me).catch(() => undefined);
  }, LOCK_BEAT_MS);
  timer.unref();
  return {
    async confirm() {
      if ((await currentOwnership(lock))?.owner.id === me.id) return;
      throw new InplaceError("LOCK_LOST", `The lock ${lock} was taken away while this deploy held it.`);
    },
    async release() {
      clearInterval(timer);
      await beating;
      await disown(lock, me).catch(() => undefined);
    },
  };
}

function held(layout: SiteLayout, { owner, pid, host, since }: Owner): InplaceError {
  return new InplaceError(
    "LOCK_HELD",
    `Another deploy holds ${layout.lock}: ${owner}, pid ${pid} on ${host}, since ${since}.`,
  );
}

function superseded({ owner, pid, host }: Owner): InplaceError {
  return new InplaceError("LOCK_SUPERSEDED", `A newer deploy waits too: ${owner}, pid ${pid} on ${host}.`);
}

function rethrow(error: unknown, layout: SiteLayout): never {
  throw asSiteError(error, layout.lock);
}
