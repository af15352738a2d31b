import net from "node:net";
import type { SendHandle } from "node:child_process";
import { getSystemErrorName } from "node:util";
import { InplaceError } from "../errors.ts";
import { addressOf, listenError } from "../process/listen-error.ts";

/** A bound socket that this process never accepts on, so that the kernel keeps its queue whatever becomes of the workers. */
export interface HeldSocket {
  readonly address: string;
  readonly port: number;
  /** To be sent to workers; each gets its own copy. */
  readonly handle: SendHandle;
  /** The descriptor, for children that inherit it; undefined on Windows, which has none. */
  readonly descriptor: number | undefined;
  close(): void;
}

export interface SocketPlace {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** A socket that was inherited, as systemd passes it; address and port are its own. */
  readonly descriptor?: number;
  /** A socket that another supervisor holds too; address and port are its own. */
  readonly handle?: SendHandle;
}

interface TcpHandle {
  readonly fd?: number;
  getsockname(out: { address?: string; port?: number }): number;
  close(): void;
}

/** Gives a handle, or the negative number of a system error. Node's cluster module makes its shared handles with it. */
type CreateServerHandle = (
  address: string | null,
  port: number,
  addressType: number,
  descriptor: number | undefined,
  flags: number,
) => TcpHandle | number;

/** Whether this Node can hold a socket without accepting on it; otherwise the supervisor splices. Node 20 to 26 can. */
export function canHoldSocket(): boolean {
  return createServerHandle() !== undefined;
}

/** Binds and holds. Throws PORT_IN_USE where another program has the port. */
export function holdSocket({ host, port, descriptor, handle }: SocketPlace): HeldSocket {
  const create = createServerHandle();
  if (create === undefined) throw new TypeError("This Node has no net._createServerHandle.");
  const made =
    (handle as TcpHandle | undefined) ??
    (descriptor === undefined
      ? create(host, port, net.isIPv6(host) ? 6 : 4, undefined, 0)
      : create(null, 0, -1, descriptor, 0));
  if (typeof made === "number") throw refused(host, port, made);
  const name: { address?: string; port?: number } = {};
  // libuv keeps EADDRINUSE of bind back until the socket is asked about.
  const error = made.getsockname(name);
  if (error !== 0) {
    made.close();
    throw refused(host, port, error);
  }
  return {
    address: name.address ?? host,
    port: name.port ?? port,
    handle: made as unknown as SendHandle,
    descriptor: made.fd !== undefined && made.fd >= 0 ? made.fd : undefined,
    close: () => made.close(),
  };
}

function createServerHandle(): CreateServerHandle | undefined {
  const { _createServerHandle: create } = net as { _createServerHandle?: unknown };
  return typeof create === "function" ? (create as CreateServerHandle) : undefined;
}

function refused(host: string, port: number, error: number): InplaceError {
  const name = getSystemErrorName(error);
  return (
    listenError(name, { host, port }) ??
    new InplaceError("PORT_IN_USE", `Cannot bind ${addressOf(host, port)}: ${name}.`)
  );
}
