// Tells of each call to node:fs/promises that changes files, right before it is made.
import fs from "node:fs";
import fsPromises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

type Call = (this: unknown, ...args: unknown[]) => unknown;

let calls = 0;
let tell: (call: number) => void = () => undefined;

/** From now on, `before` is told of each call, counted from 1. Gives how many there have been. */
export function watchFileCalls(before: (call: number) => void = () => undefined): () => number {
  calls = 0;
  tell = before;
  return () => calls;
}

function counted(target: object, name: string): void {
  const original = Reflect.get(target, name) as Call;
  Reflect.set(target, name, function (this: unknown, ...args: unknown[]) {
    calls += 1;
    tell(calls);
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
];
for (const name of [...CHANGES, "utimes"]) counted(fsPromises, name);
const handle = await fs.promises.open(process.execPath);
const prototype = Object.getPrototypeOf(handle) as object;
await handle.close();
for (const name of ["writeFile", "appendFile", "sync", "close"]) counted(prototype, name);
syncBuiltinESMExports();
