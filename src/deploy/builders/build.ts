import type { BuildConfig } from "../../config/config.ts";
import type { Built, BuildRequest } from "./builder.ts";
import { buildByCommand } from "./command.ts";
import { buildDirectory } from "./directory.ts";

export async function build(config: BuildConfig, request: BuildRequest): Promise<Built> {
  switch (config.builder) {
    case "entry": {
      // esbuild is loaded only where it is used: a deploy by git hook or Kudu should start at once.
      const { buildEntry } = await import("./entry.ts");
      return buildEntry(config, request);
    }
    case "executable": {
      const { buildExecutable } = await import("./executable.ts");
      return buildExecutable(config, request);
    }
    case "command":
      return buildByCommand(config, request);
    case "directory":
      return buildDirectory(config, request);
    default:
      return config satisfies never;
  }
}
