// Started by systemd in tests: tells what it inherited, then serves until it is asked to end.
import { createServer } from "node:net";
import { takeInheritedSockets } from "#src/runtime/inherited-sockets.js";
import { systemdNotifier } from "#src/runtime/systemd-notify.js";

const sockets = takeInheritedSockets();
const notifier = systemdNotifier();
const answer = JSON.stringify({ pid: process.pid, uid: process.getuid?.(), sockets, env: process.env });
for (const { fd } of sockets) {
  createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (chunk) => {
      socket.end(answer);
      if (chunk.includes("exit")) process.exit(Number(/\d+/.exec(chunk.toString())?.[0] ?? 0));
      if (chunk.includes("hang")) for (;;);
    });
  }).listen({ fd });
}
notifier.ready("serving");
