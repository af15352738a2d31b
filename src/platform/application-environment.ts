import { delimiter } from "node:path";
import { mergedEnvironment } from "../process/environment.ts";
import { localArgument, localPath } from "../process/windows-path.ts";
import { expandVariables } from "./expand.ts";
import type { PlatformConfig } from "./web-config/read.ts";

/** What an application inherits and web.config adds to it; variables that only one of its processes gets are left as they stand. */
export function applicationEnvironment(
  config: PlatformConfig | undefined,
  env: NodeJS.ProcessEnv,
  root: string,
): NodeJS.ProcessEnv {
  return config === undefined ? env : mergedEnvironment([env, ownVariables(config, env, root)]);
}

/** The `<environmentVariables>`, expanded as IIS does, and with this system's slashes where a value is a path. */
export function ownVariables(
  { environment }: PlatformConfig,
  known: NodeJS.ProcessEnv,
  root: string,
): Record<string, string> {
  const own = environment.map(([name, value]) => {
    const expanded = expandVariables(value, known);
    return process.platform === "win32" ? [name, expanded] : localVariable(name, expanded, root);
  });
  return Object.fromEntries(own) as Record<string, string>;
}

/** Windows takes Path for PATH, and has ";" in lists of folders. What of a list cannot be here is left out. */
function localVariable(name: string, value: string, root: string): readonly [name: string, value: string] {
  const here = /^path$/i.test(name) ? "PATH" : name;
  if (!/path$/i.test(name) || !value.includes(";")) return [here, localArgument(value, root)];
  const folders = value
    .split(";")
    .filter((folder) => folder !== "" && localPath(folder, root).notHere === undefined);
  return [here, folders.map((folder) => localArgument(folder, root)).join(delimiter)];
}
