import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { STOP_LIMIT_MS, type Child } from "./child.ts";

/** How the trees that a killed process leaves behind are ended. */
export interface OrphanEnd {
  /** What is sent at once; 0: nothing, they notice by themselves. */
  readonly signal: "TERM" | "0";
  /** Then they may take so long, milliseconds; then SIGKILL. */
  readonly graceMs: number;
}

/** As a stopped child is ended. */
const AS_STOPPED: OrphanEnd = { signal: "TERM", graceMs: STOP_LIMIT_MS };

/** Reads "+ PID" and "- PID" of process groups. Its input ends with us, whatever ended us; then it ends the groups left. */
const GUARD = `groups=
while read -r what group; do
  case $what in
  +) groups="$groups $group" ;;
  -) rest=; for each in $groups; do [ "$each" = "$group" ] || rest="$rest $each"; done; groups=$rest ;;
  esac
done
tell() { some=1; for each in $groups; do kill -s "$1" -- "-$each" 2>/dev/null && some=0; done; return $some; }
[ -n "$groups" ] && tell "$1" || exit 0
left=$2
while [ "$left" -gt 0 ] && tell 0; do sleep 1; left=$((left - 1)); done
tell KILL`;

let guard: ChildProcess | undefined;

/**
 * The child's tree ends with this process even if this process is killed (SIGKILL), when nothing of its own can run any
 * more: a small shell watches for that, one for all children, which end as the first. POSIX has no call for it; Windows has
 * Node's job object.
 */
export function endWithUs(child: Child, how: OrphanEnd = AS_STOPPED): void {
  if (process.platform === "win32") return;
  const tell = (line: string): void => {
    guard ??= startGuard(how);
    guard.stdin?.write(line);
  };
  tell(`+ ${child.pid}\n`);
  void child.exited.then(() => tell(`- ${child.pid}\n`));
}

function startGuard({ signal, graceMs }: OrphanEnd): ChildProcess {
  // In a session of its own, out of reach of Ctrl+C and of a kill of our process group.
  const shell = spawn("/bin/sh", ["-c", GUARD, "sh", signal, String(Math.ceil(graceMs / 1000))], {
    cwd: "/",
    env: { PATH: process.env["PATH"] },
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  const gone = (): void => {
    if (guard === shell) guard = undefined;
  };
  shell.once("error", gone).once("exit", gone).unref();
  // It must not keep this process alive, and a guard that has died is no failure of ours.
  (shell.stdin as Socket).on("error", gone).unref();
  return shell;
}
