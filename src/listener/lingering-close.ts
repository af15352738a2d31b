import type { Socket } from "node:net";
import { wholeTurn } from "./accept-drain.ts";

/** Bytes and FIN, reading on meanwhile; the socket is freed when the peer closes too or is silent for `quietMs`. */
export function lingeringClose(socket: Socket, quietMs: number, tail = ""): void {
  if (socket.destroyed) return;
  // Closing a socket with unread bytes sends RST, which can destroy at the peer what it has not read yet (RFC 9112, 9.6).
  if (!socket.writableEnded) socket.end(tail);
  // Core ends it again at the peer's FIN, which makes an error with a stack trace that nobody sees: 30 µs each.
  socket.end = () => socket;
  socket.resume();
  if (socket.writableFinished) freeWhenQuiet(socket, quietMs);
  else socket.once("finish", () => freeWhenQuiet(socket, quietMs));
}

/** Destroys the socket once nothing has come for so long. Not by its own timeout: core's http changes that. */
export function freeWhenQuiet(socket: Socket, quietMs: number): void {
  let seen = socket.bytesRead;
  const timer = setInterval(() => {
    const before = seen;
    seen = socket.bytesRead;
    if (seen !== before) return;
    // A process that stood still has not read yet what came meanwhile.
    void wholeTurn().then(() => {
      if (socket.bytesRead !== before) return;
      clearInterval(timer);
      socket.destroy();
    });
  }, quietMs);
  timer.unref();
  socket.once("close", () => clearInterval(timer));
}
