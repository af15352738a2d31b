// Preloaded into a process: kills it at its n-th call that changes files (INPLACE_TEST_DIE_AT), right before it or, with
// INPLACE_TEST_DIE=amid, while the system is at it. With 0 it lives, and tells INPLACE_TEST_CALLS how many there were.
import { writeFileSync } from "node:fs";
import { watchFileCalls } from "./file-calls.ts";

const dieAt = Number(process.env["INPLACE_TEST_DIE_AT"]);
const dieWhenItsTime = (call: number): void => {
  if (call === dieAt) process.kill(process.pid, "SIGKILL");
};
const amid = process.env["INPLACE_TEST_DIE"] === "amid";
const counted = watchFileCalls(amid ? { begun: dieWhenItsTime } : { before: dieWhenItsTime });
process.once("exit", () => {
  if (dieAt === 0) writeFileSync(process.env["INPLACE_TEST_CALLS"] ?? "", String(counted()));
});
