// Runs as a worker on behalf of a program that only knows a port. The program listens at the private port that this process
// was given; the runtime preloaded here finds it there, and passes visitors on.
import { printableLines } from "../printable.ts";
import { standardError } from "../standard-streams.ts";
import { programCall, startProgram } from "./stand-in.ts";

const program = startProgram(programCall(), {});
program.once("error", (error) => {
  standardError.write(`cannot be started: ${printableLines(error.message)}\n`);
  process.exit(1);
});
let asked = false;
program.once("exit", (code, signal) => {
  if (signal !== null && !asked) standardError.write(`ended by ${signal}\n`);
  process.exit(code ?? 1);
});
// The runtime tells it as it tells any app when everything is answered.
process.on("SIGTERM", () => {
  asked = true;
  if (process.platform === "win32") program.stdin?.end();
  else program.kill("SIGTERM");
});
