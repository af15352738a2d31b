// Preloaded into a process: does it harm at its n-th call that changes files (INPLACE_TEST_DIE_AT). By INPLACE_TEST_DIE
// it is killed right before that call, or amid, while the system is at it; or it has no file descriptor left from then on.
// With 0 it goes unharmed, and tells INPLACE_TEST_CALLS how many calls there were.
import { openSync, writeFileSync } from "node:fs";
import { watchFileCalls, type FileCallWatch } from "./file-calls.ts";

export type Harm = "before" | "amid" | "descriptors";

const dieAt = Number(process.env["INPLACE_TEST_DIE_AT"]);
const counted = watchFileCalls(harm((process.env["INPLACE_TEST_DIE"] ?? "before") as Harm));
process.once("exit", () => {
  if (dieAt === 0) writeFileSync(process.env["INPLACE_TEST_CALLS"] ?? "", String(counted()));
});

function harm(kind: Harm): FileCallWatch {
  const at =
    (act: () => void) =>
    (call: number): void =>
      call === dieAt ? act() : undefined;
  const kill = at(() => process.kill(process.pid, "SIGKILL"));
  switch (kind) {
    case "before":
      return { before: kill };
    case "amid":
      return { begun: kill };
    case "descriptors":
      // Each time again, since what is closed meanwhile could be opened once more.
      return { before: (call) => (call >= dieAt ? useUpDescriptors() : undefined) };
    default:
      return kind satisfies never;
  }
}

/** To be called under a low ulimit -n. */
function useUpDescriptors(): void {
  try {
    for (;;) openSync("/dev/null", "r");
  } catch {
    return;
  }
}
