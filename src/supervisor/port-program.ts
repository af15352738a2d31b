// Runs as a worker in the stead of a program that only knows a port: gives it a private one and splices TCP to it.
import { createServer, type Socket } from "node:net";
import { choosePort, untilAccepts } from "../process/port.ts";
import type { FromWorker } from "../process/worker-messages.ts";
import { splice, type Splice } from "./splice.ts";
import { programCall, startProgram } from "./stand-in.ts";

const shared = Number(process.env["PORT"]);
const port = await choosePort();
const program = startProgram(programCall(), { PORT: String(port), HTTP_PLATFORM_PORT: String(port) });
const ended = new AbortController();
program.once("error", (error) => {
  console.error(`cannot be started: ${error.message}`);
  process.exit(1);
});
program.once("exit", (code, signal) => {
  ended.abort();
  if (signal !== null) console.error(`ended by ${signal}`);
  process.exit(code ?? 1);
});

const splices = new Map<Socket, Splice>();
let draining = false;
/** Those that were reset. */
let connections = 0;
const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
  const made = splice(
    socket,
    () => port,
    () => {
      connections += 1;
      const message: FromWorker = { inplace: "reset", connections };
      process.send?.(message, undefined, undefined, () => undefined);
    },
  );
  if (draining) made.drain();
  splices.set(socket, made);
  socket.once("close", () => splices.delete(socket));
});
server.once("draining", () => {
  draining = true;
  for (const each of splices.values()) each.drain();
});

// The supervisor bounds this wait: it ends a worker that is not ready in time.
if (await untilAccepts(port, ended.signal)) server.listen(shared);
