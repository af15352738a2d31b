import { Server } from "node:net";
import { listenOn, type GivenSockets, type Listen } from "./given-sockets.ts";

/** Told of what the app does with its servers, before it takes effect. */
export interface ListenObserver {
  /** Before a server begins to listen, on a given socket or on its own; http, https and http2 servers are among them. Must not throw. */
  listening(server: Server, given: boolean): void;
  /** The server is no longer, or again, to keep the process alive. */
  holding(server: Server, holds: boolean): void;
}

/** Takes part in `listen()` of every server of this process, also of those that exist already. */
export function observeListen(observer: ListenObserver, sockets: GivenSockets): void {
  // oxlint-disable-next-line typescript/unbound-method -- each is applied to its server again
  const { listen, ref, unref } = Server.prototype;
  Server.prototype.listen = function (this: Server, ...values: unknown[]): Server {
    const given = sockets.take(values);
    observer.listening(this, given.length > 0);
    return given.length > 0
      ? listenOn(this, given, values, listen as Listen)
      : Reflect.apply(listen, this, values);
  } as typeof listen;
  Server.prototype.ref = function (this: Server): Server {
    observer.holding(this, true);
    return Reflect.apply(ref, this, []);
  } as typeof ref;
  Server.prototype.unref = function (this: Server): Server {
    observer.holding(this, false);
    return Reflect.apply(unref, this, []);
  } as typeof unref;
}
