import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BuildConfig } from "../../config/config.ts";
import { InplaceError } from "../../errors.ts";

const ENTRY_STEMS = ["src/server", "src/main", "src/index", "server", "main", "index", "app"] as const;
const ENTRY_EXTENSIONS = [".ts", ".mts", ".js", ".mjs", ".cjs"] as const;

/** The build that the folder's content suggests. Throws BUILD_NOT_CONFIGURED where it suggests none. */
export function inferBuild(folder: string): BuildConfig {
  for (const stem of ENTRY_STEMS) {
    const entry = ENTRY_EXTENSIONS.map((ext) => stem + ext).find((file) => existsSync(join(folder, file)));
    if (entry !== undefined) return { builder: "entry", entry };
  }
  if (existsSync(join(folder, "go.mod"))) {
    return { builder: "command", command: ["go", "build", "-o", "$ARTIFACT", "."] };
  }
  throw new InplaceError("BUILD_NOT_CONFIGURED", `Nothing in ${folder} says how it is built.`);
}
