import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Cleanup } from "./temporary-site.ts";
import { until } from "./until.ts";

/** Nobody's on any machine. */
export const THIEF_UID = 6002;

// Becomes the account by itself: the account need not be able to read where Node lies.
const PROGRAM = `
const { createServer } = require("node:http");
const [port, uid, answer] = process.argv.slice(1);
process.setgroups([]); process.setgid(Number(uid)); process.setuid(Number(uid));
const server = createServer((request, response) => {
  console.log("captured " + request.url);
  response.setHeader("Connection", "close");
  response.end(answer);
});
const take = () => server.listen(Number(port), "127.0.0.1");
server.on("error", () => setImmediate(take)).on("listening", () => console.log("taken"));
take();
`;

export interface PortThief {
  readonly pid: number;
  /** The port is his. */
  taken(): Promise<unknown>;
  /** The targets of the requests that he was given. */
  readonly captured: readonly string[];
}

/** A process of another account, or of this one, that takes a port as soon as it is free, until the test ends. Takes root for another account. */
export async function startPortThief(
  t: Cleanup,
  port: number,
  { uid = THIEF_UID, answer = "stolen" } = {},
): Promise<PortThief> {
  const thief = spawn(process.execPath, ["-e", PROGRAM, String(port), String(uid), answer], {
    env: {},
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(async () => {
    if (thief.exitCode !== null || thief.signalCode !== null) return;
    thief.kill("SIGKILL");
    await once(thief, "exit");
  });
  await once(thief, "spawn");
  const lines: string[] = [];
  createInterface(thief.stdout).on("line", (line) => void lines.push(line));
  return {
    pid: thief.pid ?? 0,
    taken: () => until(`port ${port} is taken`, () => lines.includes("taken")),
    get captured() {
      return lines.filter((line) => line.startsWith("captured ")).map((line) => line.slice(9));
    },
  };
}
