import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { LOOPBACK } from "../process/port.ts";
import { PROBE_AGENT } from "../process/worker-messages.ts";

const ASK_AGAIN_MS = 100;

/**
 * Waits until what listens on the port has answered a GET of /, whatever it says: a listener whose connections nobody
 * takes would hang every visitor. False when the signal aborts first; the caller bounds the wait through it.
 */
export async function untilAnswers(port: number, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (await answers(port, signal)) return true;
    await delay(ASK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
  return false;
}

function answers(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: LOOPBACK });
    const end = (answered: boolean): void => {
      signal.removeEventListener("abort", cut);
      resolve(answered);
      socket.destroy();
    };
    const cut = (): void => end(false);
    signal.addEventListener("abort", cut, { once: true });
    socket
      .once("data", () => end(true))
      .once("error", cut)
      .once("close", cut)
      .write(
        `GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ${PROBE_AGENT}\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
      );
  });
}
