import type { EventEmitter } from "node:events";
import type { PlatformEvent } from "../../events.ts";

/** What a defect may cost at most: one connection, one stream or one request. */
export interface Guarded {
  /** Tells the defect; answers 500 where nothing was sent, else cuts. */
  broken(error: unknown): void;
  /** Ends it now; the last resort, where `broken` throws too. */
  cut(): void;
}

/**
 * Runs what an event of the outside has caused. What it throws, or rejects with, ends `owner` and nothing else. Never throws.
 * Each handler of a socket, a stream or a timer that works for a visitor goes through here.
 */
export function guarded<A extends unknown[]>(
  owner: Guarded,
  work: (...args: A) => void | Promise<void>,
  ...args: A
): void {
  try {
    const done = work(...args);
    if (done instanceof Promise) done.catch((error: unknown) => end(owner, error));
  } catch (error) {
    end(owner, error);
  }
}

/** The handler of an event, guarded. */
export function guardedBy<A extends unknown[]>(
  owner: Guarded,
  handler: (...args: A) => void,
): (...args: A) => void {
  return (...args) => guarded(owner, handler, ...args);
}

/** What an owner does at each event of an emitter; one table for all owners, since most connections live for one request. */
export type GuardedEvents<O extends Guarded> = Readonly<
  Record<string, (owner: O, ...args: never[]) => void | Promise<void>>
>;

/** Listens to an emitter, each handler guarded. */
export function guardEvents<O extends Guarded>(
  owner: O,
  emitter: EventEmitter,
  handlers: GuardedEvents<O>,
): void {
  for (const event of Object.keys(handlers)) {
    const handler = handlers[event] as (owner: O, ...args: unknown[]) => void | Promise<void>;
    emitter.on(event, (...args: unknown[]) => guarded(owner, handler, owner, ...args));
  }
}

/** How it is told: with the place in the source, since it is a defect of ours. */
export function defectOf(error: unknown): PlatformEvent {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { type: "defect-contained", stack };
}

function end(owner: Guarded, error: unknown): void {
  try {
    owner.broken(error);
  } catch {
    owner.cut();
  }
}
