// Clients that send a message and wait for its answer, on a connection that they keep until the server closes it.
import { once } from "node:events";
import { WebSocket } from "ws";
import { visit } from "./exchanges.ts";

await visit(Array.from({ length: 6 }, () => ({ exchange: client() })));

function client(): () => Promise<string> {
  let socket: WebSocket | undefined;
  return async () => {
    if (socket === undefined || socket.readyState !== WebSocket.OPEN) {
      socket = new WebSocket(`ws://127.0.0.1:${process.argv[2]}/`);
      await once(socket, "open");
    }
    const own = socket;
    const done = new AbortController();
    own.send("hello");
    try {
      return await Promise.race([
        once(own, "message", { signal: done.signal }).then(([data]) => String(data)),
        once(own, "close", { signal: done.signal }).then(([code]) => {
          throw new Error(`closed with ${code} before the answer`);
        }),
      ]);
    } finally {
      done.abort();
    }
  };
}
