import type { PlatformEvent } from "../../events.ts";
import { pathProblems } from "./path-problems.ts";
import type { PlatformConfig } from "./read.ts";

/** What there is to say of a web.config that can be used: settings without effect here, and paths that lead nowhere. */
export function remarksOn(config: PlatformConfig, root: string, env: NodeJS.ProcessEnv): PlatformEvent[] {
  return [
    ...config.withoutEffect.map((setting) => ({ type: "setting-without-effect", ...setting }) as const),
    ...pathProblems(config, root, env).map(
      ({ what, cure }) => ({ type: "web-config-problem", problem: `${what} ${cure}` }) as const,
    ),
  ];
}
