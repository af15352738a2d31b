// The app whose cost is measured: a keep-alive "hello", "bare" or by Express. "library" makes it stoppable by a call;
// the preloaded runtime needs no call. Writes its port; answers questions on standard input with a line of JSON each.
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const [kind, then] = process.argv.slice(2);
const hello = (_request, response) => response.end("hello");
const server = createServer(kind === "express" ? (await import("express")).default().use(hello) : hello);
const listener =
  kind === "library" ? (await import("../dist/listener/stoppable.js")).stoppable(server) : undefined;
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
if (then === "exit") server.on("listening", () => process.exit(0));

async function answer(question) {
  switch (question) {
    case "heap": {
      for (let n = 0; n < 3; n += 1) globalThis.gc?.();
      const { heapUsed, rss } = process.memoryUsage();
      return { heapUsed, rss };
    }
    case "cpu": {
      const { user, system } = process.cpuUsage();
      return { us: user + system };
    }
    case "stop":
      return listener?.stop();
    default:
      throw new Error(question);
  }
}

createInterface({ input: process.stdin }).on("line", (question) => {
  void answer(question).then((found) => console.log(JSON.stringify(found)));
});
