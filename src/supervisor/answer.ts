import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { PROBE_AGENT } from "../process/worker-messages.ts";
import type { PrivatePlace, Worker } from "./worker.ts";

/** A further question is asked after this, while earlier ones wait for their answers. Milliseconds. */
const NEXT_MS = 1_000;
/** A question that met nobody is asked again after this. Milliseconds. */
const AGAIN_MS = 25;
/** So long one question waits. Milliseconds. */
const WAIT_MS = 10_000;

/**
 * Resolves once somebody answers at the place where the visitors' connections will go: GET / with any status; a server for
 * plain sockets has taken a connection. undefined: so it did; else, when the signal aborts first, what was wrong.
 */
export async function untilAnswers(
  worker: Worker,
  place: PrivatePlace,
  signal: AbortSignal,
): Promise<string | undefined> {
  let last: string | undefined;
  const answered = new AbortController();
  const over = AbortSignal.any([signal, answered.signal]);
  const ask = async (): Promise<void> => {
    const problem = await askOnce(worker, place, AbortSignal.any([over, AbortSignal.timeout(WAIT_MS)]));
    if (problem === undefined) answered.abort();
    else last = problem;
  };
  while (!over.aborted) {
    const asked = ask();
    const pause = delay(NEXT_MS, undefined, { signal: over }).catch(() => undefined);
    await Promise.race([asked, pause]);
    if (!over.aborted) await delay(AGAIN_MS, undefined, { signal: over }).catch(() => undefined);
  }
  if (answered.signal.aborted) return undefined;
  return last ?? "it did not answer GET /";
}

async function askOnce(
  worker: Worker,
  place: PrivatePlace,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    switch (place.protocol) {
      case "http":
        return await askOver(connect(socketOptions(place)), "connect", signal);
      case "https":
        return await askOver(secureSocket(place), "secureConnect", signal);
      case "h2":
      case "h2c":
        return await askHttp2(place, signal);
      case "tls":
        return await take(secureSocket(place), "secureConnect", signal);
      case "tcp":
        return await take(connect(socketOptions(place)), worker, signal);
      case "unknown":
        return (
          (await askOver(connect(socketOptions(place)), "connect", signal)) &&
          (await askOver(secureSocket(place), "secureConnect", signal))
        );
      case "inherited":
        return undefined;
      default:
        return place.protocol satisfies never;
    }
  } catch (error) {
    return `it did not answer GET /: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function socketOptions({ host, port }: PrivatePlace): { readonly host: string; readonly port: number } {
  return { host, port };
}

function secureSocket(place: PrivatePlace): Socket {
  // Its certificate is for the site's name, and we know whom we ask.
  return connectTls({ ...socketOptions(place), rejectUnauthorized: false, servername: "localhost" });
}

const QUESTION = `GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ${PROBE_AGENT}\r\nAccept: */*\r\nConnection: close\r\n\r\n`;

/** Whether a byte comes back. */
async function askOver(
  socket: Socket,
  connected: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await once(socket, connected, { signal });
    socket.write(QUESTION);
    const ended = once(socket, "close", { signal }).then(() => "closed" as const);
    ended.catch(() => undefined);
    const first = await Promise.race([once(socket, "data", { signal }), ended]);
    return first === "closed" ? "it closed the connection without an answer to GET /" : undefined;
  } finally {
    socket.on("error", () => undefined).destroy();
  }
}

/** Whether the app's own process took the connection: the system takes it for a process that hangs, too. */
async function take(
  socket: Socket,
  taken: Worker | "secureConnect",
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    if (taken === "secureConnect") await once(socket, taken, { signal });
    else await Promise.all([once(socket, "connect", { signal }), taken.heard("accepted", signal)]);
    return undefined;
  } finally {
    socket.on("error", () => undefined).destroy();
  }
}

async function askHttp2(place: PrivatePlace, signal: AbortSignal): Promise<string | undefined> {
  const scheme = place.protocol === "h2" ? "https" : "http";
  const host = place.host.includes(":") ? `[${place.host}]` : place.host;
  const session = connectHttp2(`${scheme}://${host}:${place.port}`, { rejectUnauthorized: false });
  session.on("error", () => undefined);
  try {
    await once(session, "connect", { signal });
    const stream = session.request({ ":path": "/", "user-agent": PROBE_AGENT });
    stream.on("error", () => undefined);
    await once(stream, "response", { signal });
    return undefined;
  } finally {
    session.destroy();
  }
}
