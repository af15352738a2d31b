// Socket.IO's own clients, of the app's packages: two by long polling, two by WebSocket. Each message is acknowledged. They
// deliver at least once, as its documentation says for those who cannot do without (`retries`); its default is at most once.
import { createRequire } from "node:module";
import { join } from "node:path";
import { visit } from "./exchanges.ts";

interface Socket {
  emitWithAck(event: string): Promise<string>;
}
type Connect = (
  url: string,
  options: {
    readonly transports: readonly string[];
    readonly forceNew: true;
    readonly retries: number;
    readonly ackTimeout: number;
  },
) => Socket;

const { io } = createRequire(join(process.cwd(), "visitor.js"))("socket.io-client") as {
  readonly io: Connect;
};
const url = `http://127.0.0.1:${process.argv[2]}`;
const visitors = ["polling", "polling", "websocket", "websocket"].map((transport) => {
  const socket = io(url, { transports: [transport], forceNew: true, retries: 3, ackTimeout: 10_000 });
  return { exchange: () => socket.emitWithAck("hello") };
});
await visit(visitors);
