import type { Socket } from "node:net";
import { tcpSocketUnder } from "../../listener/node-internals.ts";

const QUIET_MS = 60_000;

/**
 * Has the system look for a client that vanished without a word, where nothing is due to it or to us. It takes four system
 * calls, which connections of one request should not pay.
 */
export function enableKeepAlive(socket: Socket): void {
  (tcpSocketUnder(socket) ?? socket).setKeepAlive(true, QUIET_MS);
}
