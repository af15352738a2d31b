import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { Child } from "./child.ts";

/** After SIGTERM the trees of a killed process may take so long, seconds; then SIGKILL. As STOP_LIMIT_MS. */
const GRACE_S = 10;

/** Reads "+ PID" and "- PID" of process groups. Its input ends with us, whatever ended us; then it ends the groups left. */
const GUARD = `groups=
while read -r what group; do
  case $what in
  +) groups="$groups $group" ;;
  -) rest=; for each in $groups; do [ "$each" = "$group" ] || rest="$rest $each"; done; groups=$rest ;;
  esac
done
tell() { some=1; for each in $groups; do kill -s "$1" -- "-$each" 2>/dev/null && some=0; done; return $some; }
[ -n "$groups" ] && tell TERM || exit 0
left=$1
while [ "$left" -gt 0 ] && tell 0; do sleep 1; left=$((left - 1)); done
tell KILL`;

let guard: ChildProcess | undefined;

/**
 * The child's tree ends with this process even if this process is killed (SIGKILL), when nothing of its own can run any
 * more: a small shell watches for that, one for all children. POSIX has no call for it; Windows has Node's job object.
 */
export function endWithUs(child: Child): void {
  if (process.platform === "win32") return;
  tell(`+ ${child.pid}\n`);
  void child.exited.then(() => tell(`- ${child.pid}\n`));
}

function tell(line: string): void {
  guard ??= startGuard();
  guard.stdin?.write(line);
}

function startGuard(): ChildProcess {
  // In a session of its own, out of reach of Ctrl+C and of a kill of our process group.
  const shell = spawn("/bin/sh", ["-c", GUARD, "sh", String(GRACE_S)], {
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
