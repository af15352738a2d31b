import { once } from "node:events";
import { connect } from "node:tls";
import { serverName } from "../site-host.ts";
import type { PrivatePlace } from "./worker.ts";

/** The first handshakes of a process take up to three times as long as later ones. */
const HANDSHAKES = 4;
const LIMIT_MS = 1_000;

/** Makes the first TLS handshakes of a worker, so that no visitor has to wait for them. They prove nothing: never rejects. */
export async function warmUp({ host, port }: PrivatePlace, name: string): Promise<void> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  for (let made = 0; made < HANDSHAKES && !signal.aborted; made += 1) {
    const socket = connect({ host, port, rejectUnauthorized: false, servername: serverName(name) });
    try {
      await once(socket, "secureConnect", { signal });
      // A reset would be an error to the app.
      await once(socket.resume().end(), "close", { signal });
    } catch {
      socket.on("error", () => undefined).destroy();
    }
  }
}
