// Tells of each call to node:fs/promises that changes files.
import fs from "node:fs";
import fsPromises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

type Call = (this: unknown, ...args: unknown[]) => unknown;

export interface FileCallWatch {
  readonly before?: (call: number) => void;
  /** The system has been asked and has not answered. */
  readonly begun?: (call: number) => void;
}

let calls = 0;
let watch: FileCallWatch = {};

/** From now on tells of each call, counted from 1. Gives how many there have been. */
export function watchFileCalls(by: FileCallWatch = {}): () => number {
  calls = 0;
  watch = by;
  return () => calls;
}

function counted(target: object, name: string): void {
  const original = Reflect.get(target, name) as Call;
  Reflect.set(target, name, function (this: unknown, ...args: unknown[]) {
    const call = (calls += 1);
    watch.before?.(call);
    const result = Reflect.apply(original, this, args);
    watch.begun?.(call);
    return result;
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
