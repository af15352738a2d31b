import { randomUUID } from "node:crypto";
import cluster from "node:cluster";
import type { Server } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { isTls } from "../../listener/node-internals.ts";
import { accepts } from "../../process/port.ts";
import { OwnPort, type OwnTree } from "../../process/port-owner.ts";
import type { Destination } from "../../process/splice.ts";
import { WORKER_MARK_ENV, type Protocol } from "../../process/worker-messages.ts";

const HOSTS = ["127.0.0.1", "::1"] as const;
/** Without a supervisor's mark: one that nobody has. */
const THIS_TREE: OwnTree = { pid: process.pid, mark: process.env[WORKER_MARK_ENV] ?? randomUUID() };
const FIRST_LOOK_MS = 20;
const SLOWEST_LOOK_MS = 200;

/** The port as this process and those that it started have it. */
export function placeOf(host: string, port: number): Destination {
  return { host, port, own: new OwnPort(port, THIS_TREE, host) };
}

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
    for (const host of HOSTS) {
      if (signal.aborted || listens() || !(await accepts(port, host))) continue;
      const own = new OwnPort(port, THIS_TREE, host);
      // Anybody may have taken the port since it was chosen.
      if ((await own.stranger()) === undefined) return host;
    }
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
