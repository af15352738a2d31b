import assert from "node:assert/strict";
import { once } from "node:events";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import type { PlatformEvent } from "#src/events.js";
import { startPlatformHandler, type PlatformHandler } from "#src/platform/handler.js";
import type { SiteLayout } from "#src/site/layout.js";
import { CURRENT_RUNTIME_FILE } from "#src/site/runtime-bundle.js";
import { askSupervisor } from "#src/supervisor/ask.js";
import { freePort } from "../rig/free-port.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad, type LoadStream } from "../rig/load.js";
import { start } from "../runtime/launched-site.js";
import { until } from "../rig/until.js";
import { handoverSite, launched } from "./handover-site.js";
import { app, publish, SETTLE_MS } from "./supervised-site.js";

const VERSION = "x-version: (\\S+)";
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 100, connections: 16 },
  { name: "one connection per request", perSecond: 50, connections: "fresh" },
  { name: "500 ms responses", perSecond: 20, connections: "fresh", path: "/slow" },
];

test("behind the platform handler the launcher starts a supervisor: swaps lose nothing, and its process never ends", async (t) => {
  // Before the folder's own clean-up.
  const running: PlatformHandler[] = [];
  t.after(() => Promise.all(running.map((each) => each.stop())));
  const layout = await handoverSite(t);
  const events: PlatformEvent[] = [];
  const handler = await startPlatformHandler({
    siteRoot: layout.root,
    port: 0,
    events: (event) => void events.push(event),
  });
  running.push(handler);
  const load = await startLoad({ port: handler.port, version: VERSION, streams: STREAMS });
  await load.until(({ version }) => version === "1", "the first release");
  for (const version of ["2", "3"]) {
    await publish(layout, `app-${version}.mjs`, app(version));
    await load.until((progress) => progress.version === version, `answers by ${version}`);
  }
  assertNoneFailed(await load.stop());
  const life = events.map(({ type }) => type).filter((type) => type.startsWith("backend"));
  assert.deepEqual(life, ["backend-starting", "backend-ready"]);
  // The supervisor says which release it found; once is enough.
  assert.ok(!events.some((event) => event.type === "watched" && event.event.type === "release-found"));
});

test("a new version of the supervisor takes over under load, and so does the one after that; the first process stays", async (t) => {
  const layout = await handoverSite(t);
  const started = await launched(t, layout, {});
  const supervisor = async (): Promise<number | undefined> =>
    (await askSupervisor(layout, { ask: "status" }, AbortSignal.timeout(SETTLE_MS)))?.pid;
  const pids = new Set([await supervisor()]);
  const load = await startLoad({ port: started.port, streams: STREAMS, version: VERSION });
  for (const version of ["2", "3"]) {
    await newSupervisor(layout, version);
    await publish(layout, `app-${version}.mjs`, app(version));
    await load.until((progress) => progress.version === version, `answers by ${version}`);
    pids.add(
      await until(`supervisor ${version}`, async () => {
        const pid = await supervisor();
        return pid !== undefined && !pids.has(pid) && pid;
      }),
    );
  }
  await publish(layout, "app-4.mjs", app("4"));
  await load.until(({ version }) => version === "4", "a release by the last supervisor");
  assertNoneFailed(await load.stop());
  assert.equal((await started.interrupt()).code, 0, started.output);
  assert.equal(pids.size, 3);
});

/** As a deploy by another version of this package leaves it. */
async function newSupervisor(layout: SiteLayout, name: string): Promise<void> {
  const current = join(layout.runtime, CURRENT_RUNTIME_FILE);
  const folder = (await readFile(current, "utf8")).trim();
  await cp(join(layout.runtime, folder), join(layout.runtime, `${folder}-${name}`), { recursive: true });
  await writeFile(current, `${folder}-${name}\n`);
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

test("a second process of the site, as an application pool that is recycled starts it, serves beside the first and is asked once that has ended", async (t) => {
  const layout = await handoverSite(t);
  const first = await launched(t, layout, {});
  const second = await launched(t, layout, {});
  for (const { port } of [first, second])
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
  await publish(layout, "app-2.mjs", app("2"));
  for (const { port } of [first, second]) {
    const version = async (): Promise<string | null> =>
      (await fetch(`http://127.0.0.1:${port}/`)).headers.get("x-version");
    await until("both hand over", async () => (await version()) === "2");
  }
  assert.equal((await first.interrupt()).code, 0, first.output);
  await until("the second one answers the command", async () => {
    const status = await askSupervisor(layout, { ask: "status" }, AbortSignal.timeout(SETTLE_MS));
    return status?.port === second.port;
  });
  assert.equal((await second.interrupt()).code, 0, second.output);
});

test("a launched supervisor ends when standard input is closed, as inplace serve does to end it on Windows", async (t) => {
  const layout = await handoverSite(t);
  const env = { PORT: String(await freePort()), INPLACE_STOP_ON_STDIN_END: "1" };
  const started = start(t, "sh", [join(layout.root, "launch.sh")], { env, stdin: "pipe" });
  await until("the first release is live", () => started.stdout().includes("swap to app-1.mjs"));
  started.process.stdin?.end();
  assert.equal(await started.exited, 0, started.stderr());
  assert.match(started.stdout(), /stopping: Standard input was closed/);
});

test("a channel for the command that cannot be made does not keep the site from serving", async (t) => {
  const layout = await handoverSite(t);
  await mkdir(join(layout.control, "in the way"), { recursive: true });
  const started = await launched(t, layout, {});
  assert.equal((await fetch(`http://127.0.0.1:${started.port}/`)).status, 200);
  assert.match(started.output, /status, wait and rollback cannot ask this supervisor/);
});
