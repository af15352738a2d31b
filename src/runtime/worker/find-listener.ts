import cluster from "node:cluster";
import type { Server } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { isTls } from "../../listener/node-internals.ts";
import { accepts } from "../../process/port.ts";
import type { Protocol } from "../../process/worker-messages.ts";

const HOSTS = ["127.0.0.1", "::1"] as const;
const FIRST_LOOK_MS = 20;
const SLOWEST_LOOK_MS = 200;

/**
 * The loopback address at which another process or thread of the app listens, once one does. Nothing is asked while this
 * process listens itself (`listens`), nor is the process kept alive; undefined when the signal aborts.
 */
export async function findListener(
  port: number,
  listens: () => boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (let pause = FIRST_LOOK_MS; !signal.aborted; pause = Math.min(pause * 2, SLOWEST_LOOK_MS)) {
    await delay(pause, undefined, { signal, ref: false }).catch(() => undefined);
    for (const host of HOSTS) if (!signal.aborted && !listens() && (await accepts(port, host))) return host;
  }
  return undefined;
}

/** By what only servers of its kind have. */
export function protocolOf(server: Server): Protocol {
  const tls = isTls(server);
  if ("updateSettings" in server) return tls ? "h2" : "h2c";
  if ("headersTimeout" in server) return tls ? "https" : "http";
  if (tls) return "tls";
  // Node's own server of a cluster: its workers speak.
  return Object.keys(cluster.workers ?? {}).length > 0 ? "unknown" : "tcp";
}
