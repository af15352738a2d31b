import { copyFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { writeHandover } from "#src/site/handover.js";
import type { SiteLayout } from "#src/site/layout.js";
import { installRuntime } from "#src/site/runtime-bundle.js";
import { webConfig } from "../platform/site.js";
import type { Account } from "../rig/account.js";
import { freePort } from "../rig/free-port.js";
import { startProgram, type Program } from "../rig/program.js";
import { temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { app, publish } from "./supervised-site.js";

/** A site as a deploy with "rollout": "handover" leaves it: without this package and its configuration. */
export async function handoverSite(t: TestContext): Promise<SiteLayout> {
  const layout = await temporarySite(t);
  await copyFile(resolve("launch.sh"), join(layout.root, "launch.sh"));
  await writeFile(layout.webConfig, webConfig('processPath=".\\launch.cmd"'));
  await installRuntime(layout);
  await writeHandover(layout, { probationMs: 200 });
  await publish(layout, "app-1.mjs", app("1"));
  return layout;
}

/** Its supervisor, started by the launcher, once the first release is live. */
export async function launched(
  t: TestContext,
  layout: SiteLayout,
  env: NodeJS.ProcessEnv,
  { account, live = "app-1.mjs" }: { readonly account?: Account | undefined; readonly live?: string } = {},
): Promise<Program & { port: number }> {
  const port = await freePort();
  const started = startProgram(t, "sh", ["launch.sh"], {
    cwd: layout.root,
    env: { ...env, PORT: undefined, HTTP_PLATFORM_PORT: String(port) },
    account,
  });
  await until(
    () => `${live} is live: ${started.output}`,
    () => started.output.includes(`swap to ${live}`),
  );
  return Object.assign(started, { port });
}
