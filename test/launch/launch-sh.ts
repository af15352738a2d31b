import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { start, type Started } from "../runtime/launched-site.js";

/** Says how it was started, then ends with the exit code in its name. */
export const TELLING = `
console.log(JSON.stringify({
  args: process.argv.slice(2), cwd: process.cwd(), port: process.env.PORT, platformPort: process.env.HTTP_PLATFORM_PORT,
  root: process.env.INPLACE_SITE_ROOT, artifact: process.env.INPLACE_ARTIFACT,
}));
process.exit(Number(/exit(\\d+)/.exec(process.env.INPLACE_ARTIFACT)?.[1] ?? 0));
`;

/** A site with launch.sh in it. */
export async function site(t: TestContext, name = "site root"): Promise<SiteLayout> {
  const layout = siteLayout(join(await temporaryFolder(t), name));
  await mkdir(layout.target, { recursive: true });
  await mkdir(dirname(layout.lastGood), { recursive: true });
  await copyFile(resolve("launch.sh"), join(layout.root, "launch.sh"));
  return layout;
}

export function launch(
  t: TestContext,
  layout: SiteLayout,
  args: string[] = [],
  env: NodeJS.ProcessEnv = {},
): Started {
  return start(t, join(layout.root, "launch.sh"), args, { env, cwd: "/", stdin: "pipe" });
}

export async function launched(t: TestContext, layout: SiteLayout, args: string[] = []): Promise<Started> {
  const started = launch(t, layout, args);
  await started.exited;
  return started;
}

export async function put(
  layout: SiteLayout,
  name: string,
  content = TELLING,
  mode = 0o644,
): Promise<string> {
  const path = join(layout.target, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

/** What TELLING said. */
export function told({ stdout }: Started): Record<string, unknown> {
  return JSON.parse(stdout()) as Record<string, unknown>;
}
