import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Whether it is a bare name of a program on the PATH. */
export function isOnPath(name: string, env: NodeJS.ProcessEnv): boolean {
  if (/[\\/]/.test(name)) return false;
  const names = process.platform === "win32" ? [name, `${name}.exe`, `${name}.cmd`] : [name];
  const [, path = ""] = Object.entries(env).find(([key]) => key.toUpperCase() === "PATH") ?? [];
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  return folders.some((folder) => names.some((each) => isProgram(join(folder, each))));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return isFile(path);
  } catch {
    return false;
  }
}

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
