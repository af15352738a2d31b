// Runs as a worker in the stead of a program that takes the listening socket it inherits (LISTEN_FDS, as systemd passes
// it): a Go or Rust program with socket activation. It accepts by itself, beside the old one, from its start on.
import type { ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { asToWorker, type FromWorker, type ToWorker } from "../process/worker-messages.ts";
import { programCall, startProgram } from "./stand-in.ts";

/** A program that lives this long after its start has taken the socket; there is nothing else to tell it by. */
const SETTLED_MS = 1_000;
/** As net.Server's default. */
const BACKLOG = 511;
/** The pid of the program itself is known only to the process that becomes it. */
const AS_ITSELF = 'export LISTEN_PID=$$; exec "$@"';

interface TcpHandle {
  readonly fd: number;
  listen(backlog: number): number;
  close(): void;
}

const call = programCall();
let program: ChildProcess | undefined;

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** The socket has to listen before the program gets it; letting go of our copy at once, we never accept from it. */
function start(handle: TcpHandle): ChildProcess {
  handle.listen(BACKLOG);
  const started = startProgram(
    { file: "/bin/sh", args: ["-c", AS_ITSELF, "sh", call.file, ...call.args], verbatim: false },
    { LISTEN_FDS: "1", LISTEN_FDNAMES: "http" },
    ["pipe", "inherit", "inherit", handle.fd],
  );
  handle.close();
  return started;
}

/** It ends itself when it has answered everything. */
async function end(): Promise<void> {
  const startedAt = Date.now();
  const ending = program;
  program = undefined;
  if (ending !== undefined && ending.exitCode === null && ending.signalCode === null) {
    await new Promise((resolve) => {
      ending.once("exit", resolve);
      ending.kill("SIGTERM");
    });
  }
  tell({ inplace: "drained", served: 0, cut: 0, durationMs: Date.now() - startedAt });
}

async function obey(order: ToWorker, handle: unknown): Promise<void> {
  switch (order.inplace) {
    case "serve": {
      const started = start(handle as TcpHandle);
      program = started;
      started.once("exit", (code) => {
        if (program === started) process.exit(code ?? 1);
      });
      await delay(SETTLED_MS);
      return tell({ inplace: "serving" });
    }
    case "park":
      return await end();
    case "stop":
      await end();
      process.exit(0);
    case "count":
      return tell({ inplace: "counted" });
    default:
      return order satisfies never;
  }
}

process.on("message", (message, handle) => {
  const order = asToWorker(message);
  if (order !== undefined) void obey(order, handle);
});
if (!process.connected) process.exit(0);
process.once("disconnect", () => void end().then(() => process.exit(0)));
tell({ inplace: "listening", host: "", port: 0, protocol: "inherited" });
