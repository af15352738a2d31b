import type { AcceptDrain } from "./options.ts";

/**
 * On Windows an accept completes some time after it was asked for, so a turn of the event loop without a connection does
 * not say that none waits; there a turn is this long, milliseconds. https://learn.microsoft.com/windows/win32/api/mswsock
 */
const WINDOWS_TURN_MS = 20;

/** As much of a net.Server as is needed to see what it accepts. */
interface AcceptingServer {
  readonly listening: boolean;
  on(event: "connection", accepted: () => void): unknown;
  off(event: "connection", accepted: () => void): unknown;
}

/**
 * Resolves once the kernel's queue of a listening socket is empty: when a whole turn of the event loop brought no
 * connection, or a bound is reached. Closing earlier would reset every connection that waits there.
 */
export function acceptQueued(server: AcceptingServer, bounds: AcceptDrain): Promise<void> {
  const end = performance.now() + bounds.maxMs;
  let turns = 0;
  let accepted = true; // The turn in which stop was called has not polled as a whole.
  const count = (): void => {
    accepted = true;
  };
  server.on("connection", count);
  return new Promise((resolve) => {
    const turn = (): void => {
      const quiet = !accepted;
      accepted = false;
      turns += 1;
      if (server.listening && !quiet && turns <= bounds.maxTurns && performance.now() < end) {
        nextTurn(turn);
        return;
      }
      server.off("connection", count);
      resolve();
    };
    setImmediate(turn);
  });
}

/** One whole turn of the event loop, so that bytes which the kernel already has are read. */
export function wholeTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

function nextTurn(then: () => void): void {
  if (process.platform === "win32") setTimeout(then, WINDOWS_TURN_MS);
  else setImmediate(then);
}
