import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { parseWebConfig, type PlatformConfig } from "#src/platform/web-config/read.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { webConfig } from "./site.js";

const SITE = [
  "launch.cmd",
  "launch.sh",
  "my app/run.sh",
  "server/index.mjs",
  "Bin/Start.sh",
  "tools/tool",
  "conf/app.json",
  "node.js",
];

/** A site with these files, in a home that is named as on App Service. */
export async function home(
  t: TestContext,
): Promise<{ readonly root: string; readonly env: NodeJS.ProcessEnv }> {
  const HOME = await temporaryFolder(t);
  const root = join(HOME, "site", "wwwroot");
  for (const path of [...SITE.map((name) => join(root, name)), join(HOME, "jdk", "bin", "java")]) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "");
    await chmod(path, 0o755);
  }
  return { root, env: { HOME, JAVA_HOME: join(HOME, "jdk"), PATH: join(HOME, "jdk", "bin") } };
}

export function configOf(root: string, content: string): PlatformConfig {
  return parseWebConfig(join(root, "web.config"), Buffer.from(webConfig(content)));
}
