import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";

const BEGINNING = ".inplace-";
const ENDING = ".tmp";

/** A temporary name in the same folder, thus on the same disk: what has grown there is renamed into its place. */
export function besideOf(path: string): string {
  return join(dirname(path), `${BEGINNING}${randomBytes(6).toString("hex")}${ENDING}`);
}

/** Whether something goes by such a name while it grows. */
export function isBeside(name: string): boolean {
  return name.startsWith(BEGINNING) && name.endsWith(ENDING);
}
