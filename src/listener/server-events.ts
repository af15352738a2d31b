import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";

/** What a drain decides of the events of its server. */
export interface Interception {
  /** Whether the connection is drained; the events of others are their listeners' alone. */
  drains(socket: Socket): boolean;
  /** A connection was accepted, or its TLS handshake is done; the server has set it up. */
  arrived(socket: Socket): void;
  /** An http/1 request was read; false: it must not reach the app. */
  accepts(request: IncomingMessage, response: ServerResponse): boolean;
  /** The app took the connection over. */
  upgraded(socket: Socket): void;
}

/**
 * Puts a drain between a server and its listeners, whichever those are and will be; call the result to leave again.
 * Listening oneself would come too late: no listener can keep an event from the others.
 */
export function interceptServer(server: Server, by: Interception): () => void {
  const emit = server.emit.bind(server) as (event: string | symbol, ...values: unknown[]) => boolean;
  const own = Object.getOwnPropertyDescriptor(server, "emit");
  let left = false;
  const intercepted = (event: string | symbol, ...values: unknown[]): boolean => {
    if (left) return emit(event, ...values);
    switch (event) {
      case "request":
      case "checkContinue":
      case "checkExpectation": {
        const [request, response] = values as [IncomingMessage, ServerResponse];
        if (request.httpVersionMajor >= 2 || !by.drains(request.socket)) return emit(event, ...values);
        if (!by.accepts(request, response)) {
          request.resume();
          return true;
        }
        // One chunk may hold several requests. Only after the last one is read is it known which response is the last,
        // and a handler that answers at once would have announced the end on the first.
        process.nextTick(emit, event, request, response);
        return true;
      }
      case "connection":
      case "secureConnection": {
        const heard = emit(event, ...values);
        by.arrived(values[0] as Socket);
        return heard;
      }
      case "upgrade":
      case "connect": {
        const heard = emit(event, ...values);
        by.upgraded((values[0] as IncomingMessage).socket);
        return heard;
      }
      default:
        return emit(event, ...values);
    }
  };
  server.emit = intercepted;
  return () => {
    left = true;
    if (server.emit !== intercepted) return; // Somebody else stands before us by now.
    if (own !== undefined) Object.defineProperty(server, "emit", own);
    else Reflect.deleteProperty(server, "emit");
  };
}
