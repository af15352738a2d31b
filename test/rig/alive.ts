import { readFileSync } from "node:fs";

/**
 * Whether it runs. Its number may be there for longer, until whoever inherited a killed process has asked for its end; and where
 * its first thread has ended, others may still hold its sockets.
 */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !isZombie(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

function isZombie(status: string): boolean {
  return /^State:\tZ/m.test(status) && !/^Threads:\t([2-9]|\d\d)/m.test(status);
}
