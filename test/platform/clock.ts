import { once } from "node:events";
import type { TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { rawClient } from "./raw.js";

/** Everybody in this process sees the clock go forward at once. */
export function clock(t: TestContext): (ms: number) => void {
  const now = Date.now.bind(Date);
  let ahead = 0;
  t.mock.method(Date, "now", () => now() + ahead);
  return (ms) => (ahead += ms);
}

/** Lets time pass, more than a head may take, and waits until each handler of this process has looked at all its clients since. */
export async function sweep(t: TestContext, ports: readonly number[], pass: () => void): Promise<void> {
  const silent = ports.map((port) => rawClient(t, port));
  for (const { socket } of silent) {
    await once(socket, "connect");
    await new Promise((written) => socket.write("GET / HTTP/1.1\r\n", written));
  }
  // It is in the other socket already; that is accepted in the one turn and read in the next.
  for (let turns = 0; turns < 5; turns += 1) await turn();
  pass();
  for (const client of silent) await client.ends();
}
