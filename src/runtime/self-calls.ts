import { once } from "node:events";
import { createServer, Socket, type AddressInfo } from "node:net";
import { tcpSocketUnder } from "../listener/node-internals.ts";
import type { StoppableServer } from "../listener/stoppable.ts";

/**
 * Tells connections that this process made to itself from those of visitors: an app that renders its pages from its own API
 * needs them for what it still has to answer. Looks at all sockets of the process, at most once a turn.
 */
export class SelfCalls {
  #ports: ReadonlySet<number> | undefined;

  /** Whether the other end of an accepted connection is in this process. */
  has(accepted: Socket): boolean {
    const { remoteAddress, remotePort } = tcpSocketUnder(accepted) ?? accepted;
    if (remotePort === undefined || !isLoopback(remoteAddress ?? "")) return false;
    return this.#ownPorts().has(remotePort);
  }

  #ownPorts(): ReadonlySet<number> {
    if (this.#ports !== undefined) return this.#ports;
    const { _getActiveHandles } = process as { _getActiveHandles?: () => unknown[] };
    const sockets = (_getActiveHandles?.call(process) ?? []).filter((each) => each instanceof Socket);
    // An accepted socket has a local port, too: that of its server.
    const made = sockets.filter((socket) => !(socket as { server?: unknown }).server);
    this.#ports = new Set(made.flatMap(({ localPort }) => localPort ?? []));
    setImmediate(() => (this.#ports = undefined));
    return this.#ports;
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127.");
}

/**
 * Lets this process reach its own servers at the port although they are about to let go of it: what it connects to the port
 * from now on comes in through a door of its own.
 */
export async function sideDoor(
  port: number,
  servers: readonly StoppableServer[],
): Promise<{ close(): void }> {
  // As http makes its own connections: half open while it answers, without Nagle's delay.
  const door = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    servers[0]?.server.emit("connection", socket);
  });
  door.listen(0, "127.0.0.1");
  await once(door, "listening");
  const { port: inside } = door.address() as AddressInfo;
  // oxlint-disable-next-line typescript/unbound-method -- it is applied to its socket again
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function (this: Socket, ...values: unknown[]): Socket {
    return Reflect.apply(connect, this, redirected(values, port, inside));
  } as typeof connect;
  door.unref();
  return {
    close: () => {
      Socket.prototype.connect = connect;
      door.close();
    },
  };
}

/** `socket.connect(options)`, `(port, host)`, or the list that net.connect has made of either (lib/net.js, normalizeArgs). */
function redirected(values: readonly unknown[], from: number, to: number): readonly unknown[] {
  const [first, second, ...more] = values;
  if (Array.isArray(first)) {
    first[0] = redirectedOptions(first[0], from, to);
    return values;
  }
  if (typeof first === "object") return [redirectedOptions(first, from, to), second, ...more];
  const host = typeof second === "string" ? second : undefined;
  if (Number(first) !== from || !isThisMachine(host)) return values;
  return [to, "127.0.0.1", ...(host === undefined ? [second] : []), ...more];
}

function redirectedOptions(options: unknown, from: number, to: number): unknown {
  if (typeof options !== "object" || options === null) return options;
  const { port, host, path } = options as { port?: unknown; host?: unknown; path?: unknown };
  const ours = typeof path !== "string" && Number(port) === from && isThisMachine(host);
  return ours ? { ...options, port: to, host: "127.0.0.1" } : options;
}

function isThisMachine(host: unknown): boolean {
  if (host === undefined || host === null || host === "") return true;
  return typeof host === "string" && (isLoopback(host) || ["localhost", "0.0.0.0", "::"].includes(host));
}
