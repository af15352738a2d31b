// Preloaded into a process: kills it right before its n-th call to the file system (INPLACE_TEST_DIE_AT), or, with 0,
// writes how many calls there were to INPLACE_TEST_CALLS when it ends.
import fs, { writeFileSync } from "node:fs";
import fsPromises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

type Call = (this: unknown, ...args: unknown[]) => unknown;

const dieAt = Number(process.env["INPLACE_TEST_DIE_AT"]);
let calls = 0;

function counted(target: object, name: string): void {
  const original = Reflect.get(target, name) as Call;
  Reflect.set(target, name, function (this: unknown, ...args: unknown[]) {
    calls += 1;
    if (calls === dieAt) process.kill(process.pid, "SIGKILL");
    return Reflect.apply(original, this, args);
  });
}

const CHANGES = [
  "open",
  "rename",
  "mkdir",
  "rm",
  "rmdir",
  "unlink",
  "copyFile",
  "writeFile",
  "link",
  "chmod",
  "utimes",
];
for (const name of CHANGES) counted(fsPromises, name);
const handle = await fs.promises.open(process.execPath);
const prototype = Object.getPrototypeOf(handle) as object;
await handle.close();
for (const name of ["writeFile", "appendFile", "sync", "close"]) counted(prototype, name);
syncBuiltinESMExports();
calls = 0;
process.once("exit", () => {
  if (dieAt === 0) writeFileSync(process.env["INPLACE_TEST_CALLS"] ?? "", String(calls));
});
