import { mergedEnvironment } from "../process/environment.ts";
import { localArgument } from "../process/windows-path.ts";
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
    return [name, process.platform === "win32" ? expanded : localArgument(expanded, root)] as const;
  });
  return Object.fromEntries(own);
}
