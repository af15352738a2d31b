import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, writeFile } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import type { PlatformEvent } from "#src/events.js";
import { startPlatformHandler } from "#src/platform/handler.js";
import { writeHandover } from "#src/site/handover.js";
import type { SiteLayout } from "#src/site/layout.js";
import { installRuntime } from "#src/site/runtime-bundle.js";
import { webConfig } from "../platform/site.js";
import { freePort } from "../rig/free-port.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad } from "../rig/load.js";
import { startProgram, type Program } from "../rig/program.js";
import { temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { app, publish } from "./supervised-site.js";

/** A site as a deploy with "rollout": "handover" leaves it: without this package and its configuration. */
async function handoverSite(t: TestContext): Promise<SiteLayout> {
  const layout = await temporarySite(t);
  await copyFile(resolve("launch.sh"), join(layout.root, "launch.sh"));
  await writeFile(layout.webConfig, webConfig('processPath=".\\launch.cmd"'));
  await installRuntime(layout);
  await writeHandover(layout, { probationMs: 200 });
  await publish(layout, "app-1.mjs", app("1"));
  return layout;
}

test("behind the platform handler the launcher starts a supervisor: swaps lose nothing, and its process never ends", async (t) => {
  const layout = await handoverSite(t);
  const events: PlatformEvent[] = [];
  const handler = await startPlatformHandler({
    siteRoot: layout.root,
    port: 0,
    events: (event) => void events.push(event),
  });
  t.after(() => handler.stop());
  const load = await startLoad({
    port: handler.port,
    version: "x-version: (\\S+)",
    streams: [
      { name: "keep-alive", perSecond: 100, connections: 16 },
      { name: "one connection per request", perSecond: 50, connections: "fresh" },
      { name: "500 ms responses", perSecond: 20, connections: "fresh", path: "/slow" },
    ],
  });
  await load.until(({ version }) => version === "1", "the first release");
  for (const version of ["2", "3"]) {
    await publish(layout, `app-${version}.mjs`, app(version));
    await load.until((progress) => progress.version === version, `answers by ${version}`);
  }
  assertNoneFailed(await load.stop());
  const life = events.map(({ type }) => type).filter((type) => type.startsWith("backend"));
  assert.deepEqual(life, ["backend-starting", "backend-ready"]);
});

async function launched(
  t: TestContext,
  layout: SiteLayout,
  env: NodeJS.ProcessEnv,
): Promise<Program & { port: number }> {
  const port = await freePort();
  const started = startProgram(t, "sh", ["launch.sh"], {
    cwd: layout.root,
    env: { ...env, PORT: undefined, HTTP_PLATFORM_PORT: String(port) },
  });
  await until("the first release is live", () => started.output.includes("swap to app-1.mjs"));
  return Object.assign(started, { port });
}

test("the module's request to end reaches the supervisor through the worker that got it; with a wrong token it is the app's", async (t) => {
  const layout = await handoverSite(t);
  const started = await launched(t, layout, {
    HTTP_PLATFORM_TOKEN: "secret",
    HTTP_PLATFORM_APPL_PATH: "/shop",
  });
  const ask = (token: string): Promise<number> => post(started.port, "/shop/iisintegration", token);
  assert.equal(await ask("guess"), 200);
  const slow = fetch(`http://127.0.0.1:${started.port}/slow`).then((response) => response.text());
  await fetch(`http://127.0.0.1:${started.port}/`); // So the slow one is inside.
  assert.equal(await ask("secret"), 202);
  assert.equal(await slow, "slow 1");
  assert.equal((await started.ended()).code, 0, started.output);
  assert.match(started.output, /stopping: the platform's module asked for it/);
});

async function post(port: number, path: string, token: string): Promise<number> {
  const headers = { "MS-ASPNETCORE-EVENT": "shutdown", "MS-ASPNETCORE-TOKEN": token, "Content-Length": 0 };
  const asked = request({ host: "127.0.0.1", port, path, method: "POST", agent: false, headers }).end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode ?? 0;
}
