import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { askOver, IS_HTTP, notAnswered, untilAnswered, type Answer } from "../process/first-answer.ts";
import { serverName } from "../site-host.ts";
import { PROBE_AGENT } from "../process/worker-messages.ts";
import type { NormalSuperviseOptions } from "./options.ts";
import type { PrivatePlace, Worker } from "./worker.ts";

/**
 * Resolves once somebody answers at the place where the visitors' connections will go: GET / with any status; a server for
 * plain sockets has taken a connection, unless a handler forwards HTTP alone. undefined: so it did; else, when the signal aborts first, what was wrong.
 */
export async function untilAnswers(
  worker: Worker,
  place: PrivatePlace,
  { host, httpOnly }: Pick<NormalSuperviseOptions, "host" | "httpOnly">,
  signal: AbortSignal,
): Promise<string | undefined> {
  const isAsked = httpOnly && place.protocol !== "inherited";
  return await untilAnswered(
    (limit) =>
      isAsked
        ? askOver(plainSocket(place), "connect", host, limit, IS_HTTP)
        : askOnce(worker, place, host, limit),
    signal,
  );
}

async function askOnce(
  worker: Worker,
  place: PrivatePlace,
  host: string,
  signal: AbortSignal,
): Promise<Answer> {
  switch (place.protocol) {
    case "http":
      return await askOver(plainSocket(place), "connect", host, signal);
    case "https":
      return await askOver(secureSocket(place, host), "secureConnect", host, signal);
    case "h2":
    case "h2c":
      return await askHttp2(place, host, signal);
    case "tls":
      return await taken(secureSocket(place, host), (socket) => once(socket, "secureConnect", { signal }));
    case "tcp":
      // Whether the app's own process took it: the system takes it for a process that hangs, too.
      return await taken(plainSocket(place), (socket) =>
        Promise.all([once(socket, "connect", { signal }), worker.heard("accepted", signal)]),
      );
    case "unknown": {
      const answer = await askOver(plainSocket(place), "connect", host, signal);
      if (answer === "answered" || answer.refused) return answer;
      return await askOver(secureSocket(place, host), "secureConnect", host, signal);
    }
    case "inherited":
      return "answered";
    default:
      return place.protocol satisfies never;
  }
}

function plainSocket({ host, port }: PrivatePlace): Socket {
  return connect({ host, port });
}

function secureSocket({ host, port }: PrivatePlace, name: string): Socket {
  // Its certificate is for the site's name, and we know whom we ask.
  return connectTls({ host, port, rejectUnauthorized: false, servername: serverName(name) });
}

async function taken(socket: Socket, take: (socket: Socket) => Promise<unknown>): Promise<Answer> {
  try {
    await take(socket);
    return "answered";
  } catch (error) {
    return notAnswered(error);
  } finally {
    socket.on("error", () => undefined).destroy();
  }
}

async function askHttp2(place: PrivatePlace, name: string, signal: AbortSignal): Promise<Answer> {
  const scheme = place.protocol === "h2" ? "https" : "http";
  const host = place.host.includes(":") ? `[${place.host}]` : place.host;
  const session = connectHttp2(`${scheme}://${host}:${place.port}`, {
    rejectUnauthorized: false,
    servername: serverName(name),
  });
  session.on("error", () => undefined);
  try {
    await once(session, "connect", { signal });
    const stream = session.request({ ":path": "/", ":authority": name, "user-agent": PROBE_AGENT });
    stream.on("error", () => undefined);
    await once(stream, "response", { signal });
    return "answered";
  } catch (error) {
    return notAnswered(error);
  } finally {
    session.destroy();
  }
}
