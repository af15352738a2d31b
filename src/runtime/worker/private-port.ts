import { Server } from "node:net";
import type { TcpHandle } from "./acceptor.ts";

/** Where a worker listens, and where its visitors come in. */
export interface WorkerPlace {
  /** What PORT says: nobody else is given it. */
  readonly privatePort: number;
  /** What the supervisor holds; an app that listens there by a number of its own means the same. */
  readonly publicPort: number;
}

/** Told of the servers of this process, in the moment in which they listen or let go. */
export interface PortObserver {
  /** A server listens at the private port. Its handle lives on where Node's cluster takes it away from the server. */
  opened(handle: TcpHandle, server: Server): void;
  closed(handle: TcpHandle): void;
  /** A server listens at another TCP port. */
  elsewhere(port: number): void;
}

/** `server._listen2(address, port, addressType, backlog, fd, flags)`: binds and listens, or emits `error` later. */
type Listen = (
  this: Server & { _handle?: TcpHandle | null },
  address: string | null,
  port: number,
  addressType: number,
  backlog: unknown,
  fd: unknown,
  flags: number | undefined,
) => void;

const LOOPBACK = "127.0.0.1";
const LOOPBACK_6 = "::1";
const EVERY_ADDRESS_6 = "::";
/** UV_TCP_IPV6ONLY. */
const IPV6_ONLY = 1;

/**
 * Lets every server of this process listen for itself, as the app asked, and keeps the private port on the loopback
 * addresses: what stands before the site is not to be passed by. The function that is wrapped has kept its name since
 * Node 0.x so that it can be (lib/net.js); the version matrix watches it.
 */
export function observePrivatePort({ privatePort, publicPort }: WorkerPlace, observer: PortObserver): void {
  const prototype = Server.prototype as unknown as { _listen2: Listen };
  const listen = prototype._listen2;
  prototype._listen2 = function (address, port, addressType, backlog, fd, flags) {
    const given = Boolean(this._handle) || (typeof fd === "number" && fd >= 0);
    const ours = !given && (port === privatePort || port === publicPort);
    const place = ours ? loopback(address, ((flags ?? 0) & IPV6_ONLY) !== 0) : address;
    const type = ours ? (place?.includes(":") === true ? 6 : 4) : addressType;
    listen.call(this, place, ours ? privatePort : port, type, backlog, fd, flags);
    const handle = this._handle;
    if (!handle || given) return;
    if (!ours) {
      if (port > 0) observer.elsewhere(port);
      return;
    }
    tellClose(handle, () => observer.closed(handle));
    observer.opened(handle, this);
  };
}

/** The loopback address that the wanted one includes, or stands for. */
function loopback(address: string | null, ipv6Only: boolean): string {
  if (address === LOOPBACK_6 || (address === EVERY_ADDRESS_6 && ipv6Only)) return LOOPBACK_6;
  return address?.startsWith("127.") === true ? address : LOOPBACK;
}

/** Not the server's `close` event: that comes when its last connection has ended. */
function tellClose(handle: TcpHandle, closed: () => void): void {
  const close = handle.close.bind(handle);
  handle.close = (done) => {
    closed();
    close(done);
  };
}
