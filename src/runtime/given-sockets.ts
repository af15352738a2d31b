import type { Server } from "node:net";
import { createServer } from "node:net";
import { takeInheritedSockets, type InheritedSocket } from "./inherited-sockets.ts";
import { listenRequest, satisfies, type ListenRequest } from "./listen-request.ts";
import { say } from "./words.ts";

/** listen() on an inherited socket sets its backlog anew; the kernel bounds it with net.core.somaxconn. */
const BACKLOG = 4_096;

export type Listen = (this: Server, ...values: unknown[]) => Server;

/**
 * Gives the sockets that systemd opened to the app's servers: `listen(8080)` gets all that listen on 8080, so also an
 * IPv4 and an IPv6 one at a time. Each socket is given once.
 */
export class GivenSockets {
  #left: readonly InheritedSocket[];

  constructor(sockets: readonly InheritedSocket[] = takeInheritedSockets()) {
    this.#left = sockets;
    const port = sockets.map(({ place }) => (place.kind === "tcp" ? place.port : undefined)).find(Boolean);
    // An app that asks neither variable cannot be told where to listen.
    if (
      port !== undefined &&
      process.env["PORT"] === undefined &&
      process.env["HTTP_PLATFORM_PORT"] === undefined
    ) {
      process.env["PORT"] = process.env["HTTP_PLATFORM_PORT"] = String(port);
    }
  }

  /** The descriptors for one call of listen, none where no socket is what it asks for. */
  take(values: readonly unknown[]): readonly number[] {
    const request = this.#left.length === 0 ? undefined : listenRequest(values);
    if (request === undefined) return [];
    const matching = this.#left.filter((socket) => satisfies(socket, request));
    if (matching.length === 0) say(mismatch(request, this.#left));
    this.#left = this.#left.filter((socket) => !matching.includes(socket));
    return matching.map(({ fd }) => fd);
  }
}

/** Makes the server listen on these descriptors in place of what `values` ask for. */
export function listenOn(
  server: Server,
  [first, ...more]: readonly number[],
  values: readonly unknown[],
  listen: Listen,
): Server {
  for (const fd of more) feed(server, fd, listen);
  const [asked] = values;
  const options = typeof asked === "object" && asked !== null ? { ...asked, fd: first } : { fd: first };
  const callback = values.findLast((value) => typeof value === "function");
  return listen.call(server, options, BACKLOG, ...(callback === undefined ? [] : [callback]));
}

/** A server has one listening socket; further ones hand it what they accept, until its port closes. */
function feed(server: Server, fd: number, listen: Listen): void {
  const feeder = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    server.emit("connection", socket);
  });
  feeder.on("error", (error) => server.emit("error", error));
  listen.call(feeder, { fd }, BACKLOG);
  server.once("refusing", () => feeder.close());
}

function mismatch(request: ListenRequest, left: readonly InheritedSocket[]): string {
  const asked = request.kind === "tcp" ? `${request.host ?? ""}:${request.port}` : request.path;
  const given = left.map(({ name, place }) => {
    if (place.kind === "tcp") return `${name}=${place.address}:${place.port}`;
    return place.kind === "unix" ? `${name}=${place.path}` : name;
  });
  return `the app listens on ${asked}, none of the sockets that it was given: ${given.join(", ")}`;
}
