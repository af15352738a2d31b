import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { until } from "../rig/until.js";

/** A client that writes bytes and sees bytes, as an attacker or a protocol test does. Latin-1. */
export interface RawClient {
  readonly socket: Socket;
  readonly received: string;
  readonly closed: boolean;
  send(bytes: string | Buffer): void;
  /** Waits until what has been received matches. */
  sees(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>;
  /** Waits for the server's end of the connection and gives all that came. */
  ends(): Promise<string>;
}

export function rawClient(t: TestContext, port: number, host = "127.0.0.1"): RawClient {
  const socket = connect({ port, host });
  const state = { received: "", closed: false };
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => (state.received += text));
  socket.on("error", () => undefined);
  socket.on("close", () => (state.closed = true));
  t.after(() => socket.destroy());
  return {
    socket,
    get received() {
      return state.received;
    },
    get closed() {
      return state.closed;
    },
    send: (bytes) => void (typeof bytes === "string" ? socket.write(bytes, "latin1") : socket.write(bytes)),
    sees: (pattern, withinMs) =>
      until(
        `${String(pattern)} in ${JSON.stringify(state.received)}`,
        () => pattern.exec(state.received) ?? undefined,
        withinMs,
      ),
    ends: () =>
      until("the server closes the connection", () => state.closed && state.received + " ").then((text) =>
        text.slice(0, -1),
      ),
  };
}

/** Sends one request on a connection of its own and gives everything that comes until the server closes. */
export async function exchangeRaw(t: TestContext, port: number, request: string): Promise<string> {
  const client = rawClient(t, port);
  client.send(request);
  return client.ends();
}
