import { spawn, type SpawnOptions } from "node:child_process";
import { systemCode } from "../errors.ts";

/**
 * How a child has to be spawned so that its whole tree can be ended. POSIX: a process group of its own.
 * Windows: attached, because Node's job object then ends the child together with us; hidden, so that it has a console
 * of its own and Ctrl+C in ours does not reach it (https://docs.libuv.org/en/v1.x/process.html).
 */
export const TREE_SPAWN_OPTIONS: Pick<SpawnOptions, "detached" | "windowsHide"> = {
  detached: process.platform !== "win32",
  windowsHide: true,
};

/** Asks every process of the tree to stop. false: this system has no such signal, or nobody is left. */
export function terminateTree(pid: number): boolean {
  return process.platform === "win32" ? false : signalGroup(pid, "SIGTERM");
}

/** Ends every process of the tree now. */
export function killTree(pid: number): void {
  if (process.platform !== "win32") {
    signalGroup(pid, "SIGKILL");
    return;
  }
  // taskkill follows parent ids, so it has to run while the root of the tree is still there.
  const taskkill = spawn("taskkill.exe", ["/pid", String(pid), "/t", "/f"], {
    stdio: "ignore",
    windowsHide: true,
  });
  const direct = (): void => void signal(pid, "SIGKILL");
  taskkill.once("error", direct).once("exit", direct);
}

/** Ends what a root that has already ended left behind. Nothing on Windows, where its pid may be somebody else's by now. */
export function killOrphans(pid: number): void {
  if (process.platform !== "win32") signalGroup(pid, "SIGKILL");
}

/** Whether a process of the tree still lives, also after its root has ended. Always false on Windows. */
export function treeLives(pid: number): boolean {
  return process.platform !== "win32" && signalGroup(pid, 0);
}

function signalGroup(pid: number, what: NodeJS.Signals | 0): boolean {
  return signal(-pid, what);
}

function signal(pid: number, what: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, what);
    return true;
  } catch (error) {
    if (systemCode(error) === "ESRCH" || systemCode(error) === "EPERM") return false;
    throw error;
  }
}
