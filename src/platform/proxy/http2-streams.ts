import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { guardedBy, type Guarded } from "./boundary.ts";

// What ends a stream or a session waits for the end of the event that it is asked for in: where a frame behind it ends the
// session too, node:http2 would go on sending for ever, and nothing in this process would run any more.

/** Resets a stream; one that is closed, and stuck since its client does not read, is destroyed. */
export function closeStream(owner: Guarded, stream: ServerHttp2Stream, code: number): void {
  later(owner, () => {
    if (stream.closed) stream.destroy();
    else stream.close(code);
  });
}

export function destroySession(
  owner: Guarded,
  session: ServerHttp2Session,
  error?: Error,
  code?: number,
): void {
  later(owner, () => session.destroy(error, code));
}

function later(owner: Guarded, work: () => void): void {
  setImmediate(guardedBy(owner, work));
}
