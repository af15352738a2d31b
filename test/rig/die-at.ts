// Preloaded into a process: kills it right before its n-th call to the file system (INPLACE_TEST_DIE_AT), or, with 0,
// writes how many calls there were to INPLACE_TEST_CALLS when it ends.
import { writeFileSync } from "node:fs";
import { watchFileCalls } from "./file-calls.ts";

const dieAt = Number(process.env["INPLACE_TEST_DIE_AT"]);
const counted = watchFileCalls((call) => call === dieAt && process.kill(process.pid, "SIGKILL"));
process.once("exit", () => {
  if (dieAt === 0) writeFileSync(process.env["INPLACE_TEST_CALLS"] ?? "", String(counted()));
});
