import { randomInt } from "node:crypto";
import { createServer, connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { InplaceError } from "../errors.ts";

/** Children listen on IPv4 loopback; "localhost" may mean ::1, which the module never looks at. */
export const LOOPBACK = "127.0.0.1";
/**
 * The module's range and number of tries for a child's port; but from 32,768 on Linux takes ports for connections to others,
 * and 10,080 is the last port that fetch() refuses (https://fetch.spec.whatwg.org/#port-blocking): an app could not ask itself.
 */
export const PORT_FROM = 10_081;
export const PORT_TO = 32_767;
export const PORT_TRIES = 10;

const FIRST_PROBE_MS = 5;
const SLOWEST_PROBE_MS = 50;
/** One try to connect; Windows repeats a refused SYN for two seconds. */
export const PROBE_LIMIT_MS = 3_000;

/** So long a program may take to open its port again that it has closed, milliseconds; then it is taken for one that serves no more. */
export const REOPENING_MS = 5_000;

/** A random port of the range that nobody listens on. Throws PORT_IN_USE after PORT_TRIES. */
export async function choosePort(): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES; tries += 1) {
    const port = randomInt(PORT_FROM, PORT_TO + 1);
    if (await isFree(port)) return port;
  }
  throw new InplaceError(
    "PORT_IN_USE",
    `None of ${PORT_TRIES} random ports from ${PORT_FROM} to ${PORT_TO} was free.`,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Whether somebody accepts connections on the port now. */
export function accepts(port: number, host: string = LOOPBACK): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const answer = (open: boolean): void => {
      clearTimeout(limit);
      resolve(open);
      socket.destroy();
    };
    const limit = setTimeout(() => answer(false), PROBE_LIMIT_MS);
    socket.once("connect", () => answer(true)).once("error", () => answer(false));
  });
}

/** Waits until the port accepts; false when the signal aborts first. The caller bounds the wait through the signal. */
export async function untilAccepts(port: number, signal: AbortSignal): Promise<boolean> {
  for (let pause = FIRST_PROBE_MS; !signal.aborted; pause = Math.min(pause * 2, SLOWEST_PROBE_MS)) {
    if (await accepts(port)) return true;
    await delay(pause, undefined, { signal }).catch(() => undefined);
  }
  return false;
}
