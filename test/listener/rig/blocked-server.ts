// A stoppable server that a request to /block holds up until the file named as its argument is there; then it stops.
// So whatever is sent meanwhile waits in the kernel when the stop begins. Writes its port, then the drain's report.
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { stoppable } from "#src/listener/stoppable.js";
import { ok } from "./handlers.js";

const LOOK_AGAIN_MS = 5;
const LIMIT_MS = 30_000;
const [go = ""] = process.argv.slice(2);
const wait = new Int32Array(new SharedArrayBuffer(4));

const server = createServer((request, response) => {
  if (request.url === "/block") response.once("finish", () => setImmediate(block));
  ok(request, response);
});
const listener = stoppable(server);
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));

function block(): void {
  const until = Date.now() + LIMIT_MS;
  while (!existsSync(go) && Date.now() < until) Atomics.wait(wait, 0, 0, LOOK_AGAIN_MS);
  void listener.stop().then((report) => console.log(JSON.stringify(report)));
}
