import { readFileSync } from "node:fs";

/** Whether it runs. Its number may be there for longer, until whoever inherited a killed process has asked for its end. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
