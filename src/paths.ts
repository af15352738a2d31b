import { isAbsolute, relative, sep } from "node:path";

/** Whether the path, as it is written, is the folder or something in it. Both absolute, or both relative. */
export function isInside(folder: string, path: string): boolean {
  const below = relative(folder, path);
  return !isAbsolute(below) && below.split(sep)[0] !== "..";
}
