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
export function guarded(owner: Guarded, work: () => void | Promise<void>): void {
  run(owner, work, undefined, undefined);
}

/** The handler of an event, guarded. */
export function guardedBy<A = void, B = void>(
  owner: Guarded,
  handler: (first: A, second: B) => void,
): (first: A, second: B) => void {
  return (first, second) => run(owner, handler, first, second);
}

/** What an owner does at each event of an emitter; one table for all owners, since most connections live for one request. */
export type GuardedEvents<O extends Guarded> = Readonly<
  Record<string, (owner: O, first: never) => void | Promise<void>>
>;

/** Listens to an emitter, each handler guarded. */
export function guardEvents<O extends Guarded>(
  owner: O,
  emitter: EventEmitter,
  handlers: GuardedEvents<O>,
): void {
  for (const event of Object.keys(handlers)) {
    const handler = handlers[event] as (owner: O, first: unknown) => void | Promise<void>;
    emitter.on(event, (first: unknown) => run(owner, handler, owner, first));
  }
}

/** How it is told: with the place in the source, since it is a defect of ours. */
export function defectOf(error: unknown): PlatformEvent {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { type: "defect-contained", stack };
}

// Each part of each message comes through here: its arguments are not gathered in an array.
function run<A, B>(
  owner: Guarded,
  work: (first: A, second: B) => void | Promise<void>,
  first: A,
  second: B,
): void {
  try {
    const done = work(first, second);
    if (done instanceof Promise) done.catch((error: unknown) => end(owner, error));
  } catch (error) {
    end(owner, error);
  }
}

function end(owner: Guarded, error: unknown): void {
  try {
    owner.broken(error);
  } catch {
    owner.cut();
  }
}
