import type { Socket } from "node:net";

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
    if (!socket.destroyed && socket.bytesRead !== seen) {
      seen = socket.bytesRead;
      return;
    }
    clearInterval(timer);
    socket.destroy();
  }, quietMs);
  timer.unref();
  socket.once("close", () => clearInterval(timer));
}
