import { HEARTBEAT_MS, startHeartbeat } from "../deploy/heartbeat.ts";
import type { EventSink } from "../events.ts";

/** Builds and waits say themselves, at the interval, that they go on: theirs comes first. Milliseconds. */
const SILENCE_MS = HEARTBEAT_MS + 500;

/** Does the work, whose events say what it does; where none came for SILENCE_MS, says that it goes on, whatever it is at. */
export async function neverSilent<C extends { readonly emit: EventSink }, T>(
  context: C,
  work: (context: C) => Promise<T>,
): Promise<T> {
  const heartbeat = startHeartbeat(
    (elapsedMs) => context.emit({ type: "still-at-work", elapsedMs }),
    SILENCE_MS,
  );
  const emit: EventSink = (event) => {
    heartbeat.heard();
    context.emit(event);
  };
  try {
    return await work({ ...context, emit });
  } finally {
    heartbeat.stop();
  }
}
