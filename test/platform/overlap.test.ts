// The next release starts beside the one that serves, which drains as long as it has work: nobody waits for it.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { waitUntilLive } from "#src/deploy/wait.js";
import { isMarkedFailed, markGood, readLastGood } from "#src/site/health-marks.js";
import { writeOverlap } from "#src/site/overlap.js";
import { readPointer } from "#src/site/pointer.js";
import { alive } from "../rig/alive.js";
import { startLoad } from "../rig/load.js";
import { until } from "../rig/until.js";
import { publish } from "../watch/watched-site.js";
import { fetch } from "./fetch.js";
import { NODE_APP, openRequest, releasedSite, type ReleasedSite } from "./released-site.js";
import { webConfig } from "./site.js";

/** In another language, without our runtime: SIGTERM ends it at once. */
const PYTHON_APP = `exec /usr/bin/python3 -c '
import os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path == "/slow": time.sleep(0.5)
        body = ("version %s pid %d\\n" % (os.environ["INPLACE_ARTIFACT"], os.getpid())).encode() + body
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *args): pass
class Server(ThreadingHTTPServer):
    request_queue_size = 512
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
'
`;
const SKIP = { skip: process.platform === "win32" && "launch.sh and signals" };
const SWAPS = 4;

async function versionOf(site: ReleasedSite): Promise<string> {
  return /version (\S+)/.exec(await (await fetch(site.url)).text())?.[1] ?? "none";
}

async function pidOf(site: ReleasedSite): Promise<number> {
  return Number(/pid (\d+)/.exec(await (await fetch(site.url)).text())?.[1]);
}

for (const [what, extension, source] of [
  ["a Node app", "mjs", NODE_APP],
  ["a Python program behind a script", "sh", PYTHON_APP],
] as const) {
  test(
    `${what}: swaps lose no request, short or slow, kept alive or fresh, and POST in halves`,
    SKIP,
    async (t) => {
      const site = await releasedSite(t, `app-0.${extension}`, source);
      await fetch(site.url);
      const load = await startLoad({
        port: site.handler.port,
        version: "version (\\S+)",
        streams: [
          { name: "keep-alive", perSecond: 80, connections: 8 },
          { name: "fresh", perSecond: 40, connections: "fresh" },
          { name: "slow", perSecond: 20, connections: "fresh", path: "/slow" },
          {
            name: "post",
            perSecond: 40,
            connections: 8,
            halvesApartMs: 15,
            expect: "first half; second half\\.",
          },
        ],
      });
      for (let n = 1; n <= SWAPS; n += 1) {
        const { done } = load.progress;
        await load.until((progress) => progress.done > done + 100, "100 more responses");
        await publish(site.layout, `app-${n}.${extension}`, source);
        await site.nth("backend-exited", n);
      }
      const samples = await load.stop();
      const failed = samples.filter(({ failure }) => failure !== undefined);
      t.diagnostic(`${samples.length} requests, ${failed.length} failed`);
      deepEqual(failed.slice(0, 5), []);
      equal(new Set(samples.map(({ version }) => version)).size, SWAPS + 1);
      ok(site.all("backend-exited").every(({ asked }) => asked));
    },
  );
}

test(
  "a download, a stream of events and an upgraded connection in flight delay nobody, and the download comes whole",
  SKIP,
  async (t) => {
    const site = await releasedSite(t, "app-0.mjs", NODE_APP);
    const old = await pidOf(site);
    const download = await openRequest(`${site.url}/held`);
    const events = await openRequest(`${site.url}/events`);
    const upgraded = await openRequest(site.url, { connection: "Upgrade", upgrade: "chat" });
    equal(upgraded.statusCode, 101);
    const load = await startLoad({
      port: site.handler.port,
      version: "version (\\S+)",
      streams: [{ name: "others", perSecond: 50, connections: "fresh" }],
    });
    await publish(site.layout, "app-1.mjs", NODE_APP);
    await site.nth("overlap-switched", 1);
    await load.until(({ version }) => version === "app-1.mjs", "the new release answers");
    equal(site.all("backend-stopping").length, 0, "what is in flight is not cut");
    process.kill(old, "SIGUSR2");
    equal(await text(download), "begun whole");
    // The others have no end of their own: they do not hold the old process.
    await site.nth("backend-exited", 1);
    equal(alive(old), false);
    const samples = await load.stop();
    deepEqual(
      samples.filter(({ failure }) => failure !== undefined),
      [],
    );
    const longest = Math.max(...samples.map(({ dueAt, doneAt }) => doneAt - dueAt));
    t.diagnostic(`longest wait of the others ${longest} ms`);
    ok(longest < 2_000);
    events.destroy();
  },
);

test("a stuck client keeps the old process no longer than the site's drain deadline", SKIP, async (t) => {
  const site = await releasedSite(t, "app-0.mjs", NODE_APP, {
    env: { ...process.env, INPLACE_DRAIN_MS: "1000" },
  });
  await fetch(site.url);
  const stuck = await openRequest(`${site.url}/held`);
  const ended = new Promise((resolve) => stuck.once("close", resolve));
  await publish(site.layout, "app-1.mjs", NODE_APP);
  await site.nth("backend-exited", 1);
  equal(await versionOf(site), "app-1.mjs");
  stuck.resume();
  await ended;
});

for (const [what, source, reason] of [
  ["crashes at its start", "console.log('no luck'); process.exit(3);", /no luck/],
  [
    "hangs at its start",
    "console.log('thinking'); setInterval(() => {}, 1000);",
    /did not listen[^]*thinking/,
  ],
  [
    "listens on another port",
    NODE_APP.replace("Number(process.env.PORT)", "0"),
    /did not listen on port \d+ within 4 s, but on 127\.0\.0\.1:\d+\./,
  ],
  [
    "takes no connection",
    'import net from "node:net"; net.createServer(() => {}).listen(Number(process.env.PORT), "127.0.0.1");',
    /did not answer GET \//,
  ],
] as const) {
  test(
    `a release that ${what}: the one before serves on, and the pointer goes back to it`,
    SKIP,
    async (t) => {
      const site = await releasedSite(t, "app-0.mjs", NODE_APP, { attributes: 'startupTimeLimit="4"' });
      const old = await pidOf(site);
      await publish(site.layout, "app-1.mjs", source);
      const failed = await site.nth("overlap-failed", 1);
      equal(failed.artifact, "app-1.mjs");
      equal(failed.kept, "app-0.mjs");
      await until("the pointer is back", async () => {
        const pointer = await readPointer(site.layout);
        return pointer.state === "names" && pointer.artifact === "app-0.mjs";
      });
      match(await readFile(join(site.layout.failed, "app-1.mjs"), "utf8"), reason);
      equal(await pidOf(site), old);
      await until("it is the last good one", async () => (await readLastGood(site.layout)) === "app-0.mjs");
      await publish(site.layout, "app-2.mjs", NODE_APP);
      await site.nth("overlap-switched", 1);
      equal(await versionOf(site), "app-2.mjs");
      deepEqual(
        site.all("overlap-starting").map(({ artifact }) => artifact),
        ["app-1.mjs", "app-2.mjs"],
      );
    },
  );

  // With nothing else to serve it is enough that the port accepts: a visitor is there to ask.
  if (what === "takes no connection") continue;
  test(`at a cold start, a release that ${what}: the last good one is started`, SKIP, async (t) => {
    const site = await releasedSite(t, "app-0.mjs", NODE_APP, { attributes: 'startupTimeLimit="3"' });
    await fetch(site.url);
    await until("it is good", async () => (await readLastGood(site.layout)) === "app-0.mjs");
    await writeFile(site.layout.appOffline, "away");
    await site.nth("backend-exited", 1);
    await publish(site.layout, "app-1.mjs", source);
    await rm(site.layout.appOffline);
    await until("it is back", async () => (await fetch(site.url)).status === 200);
    equal(await versionOf(site), "app-0.mjs");
    equal(await isMarkedFailed(site.layout, "app-1.mjs"), true);
    equal(await isMarkedFailed(site.layout, "app-0.mjs"), false);
  });
}

test(
  "an app that may not run twice ends before the next one starts, and requests wait meanwhile",
  SKIP,
  async (t) => {
    const site = await releasedSite(t, "app-0.sh", PYTHON_APP);
    await writeOverlap(site.layout, false);
    const old = await pidOf(site);
    const slow = fetch(`${site.url}/slow`).then((answer) => answer.text());
    await publish(site.layout, "app-1.sh", PYTHON_APP);
    await site.nth("watched", 1);
    await site.nth("backend-starting", 2);
    equal(alive(old), false);
    equal(await versionOf(site), "app-1.sh");
    match(await slow, /version app-0\.sh/);
    // A bad one: the one before comes back.
    await publish(site.layout, "app-2.sh", "exit 3\n");
    await site.nth("overlap-failed", 1);
    equal(await versionOf(site), "app-1.sh");
  },
);

test("many releases in a row: one candidate at a time, and the newest serves in the end", SKIP, async (t) => {
  const site = await releasedSite(t, "app-000.mjs", NODE_APP);
  await fetch(site.url);
  for (let n = 1; n <= 200; n += 1) {
    await publish(site.layout, `app-${String(n).padStart(3, "0")}.mjs`, NODE_APP);
  }
  await until("the newest serves", async () => (await versionOf(site)) === "app-200.mjs");
  let candidates = 0;
  for (const { type } of site.events) {
    if (type === "overlap-starting") candidates += 1;
    if (type === "overlap-switched" || type === "overlap-given-up") candidates -= 1;
    ok(candidates <= 1);
  }
  t.diagnostic(`${site.all("backend-starting").length} starts`);
  ok(site.all("backend-starting").length < 100);
  await until("it is recorded", async () => (await readLastGood(site.layout)) === "app-200.mjs");
});

test("a web.config by which no process comes up changes nothing for visitors", SKIP, async (t) => {
  const site = await releasedSite(t, "app-0.mjs", NODE_APP);
  const old = await pidOf(site);
  await writeFile(site.layout.webConfig, webConfig('processPath=".\\missing.cmd" startupTimeLimit="3"'));
  equal((await site.nth("overlap-failed", 1)).artifact, undefined);
  equal(await pidOf(site), old);
  await writeFile(site.layout.webConfig, webConfig('processPath=".\\launch.cmd" arguments="mended"'));
  await site.nth("overlap-switched", 1);
  equal(await versionOf(site), "app-0.mjs");
  equal(await isMarkedFailed(site.layout, "app-0.mjs"), false);
});

test(
  "a site that is handed over to a supervisor changes over once, and is left alone from then on",
  SKIP,
  async (t) => {
    const site = await releasedSite(t, "app-0.mjs", NODE_APP);
    await fetch(site.url);
    await writeFile(site.layout.handover, "{}\n");
    await publish(site.layout, "app-1.mjs", NODE_APP);
    await site.nth("overlap-switched", 1);
    equal(await versionOf(site), "app-1.mjs");
    await publish(site.layout, "app-2.mjs", NODE_APP);
    await until("the supervisor swaps", async () => (await versionOf(site)) === "app-2.mjs");
    equal(site.all("overlap-starting").length, 1);
  },
);

test("a handler that is ended in the middle of an overlap ends all of it", SKIP, async (t) => {
  const site = await releasedSite(t, "app-0.mjs", NODE_APP);
  const old = await pidOf(site);
  await publish(site.layout, "app-1.mjs", "setInterval(() => {}, 1000);");
  await site.nth("overlap-starting", 1);
  const next = await site.nth("backend-starting", 2);
  await site.handler.stop();
  equal(alive(old), false);
  equal(alive(next.pid), false);
});

test(
  "a site without visitors starts what is deployed, so that who deploys learns whether it serves",
  SKIP,
  async (t) => {
    const site = await releasedSite(t, "app-0.mjs", NODE_APP);
    const proven = async (artifact: string): Promise<void> => {
      const limit = AbortSignal.timeout(60_000);
      const { layout } = site;
      equal((await waitUntilLive({ layout, artifact, timeoutMs: 60_000, signal: limit })).artifact, artifact);
    };
    await proven("app-0.mjs");
    await publish(site.layout, "app-1.mjs", NODE_APP);
    await proven("app-1.mjs");
    equal(site.all("backend-ready").length, 2);
  },
);

test(
  "a cold start with a release that takes connections and never answers ends with the last good one",
  SKIP,
  async (t) => {
    const mute =
      'import net from "node:net"; net.createServer(() => {}).listen(Number(process.env.PORT), "127.0.0.1");';
    const site = await releasedSite(t, "app-1.mjs", mute, {
      attributes: 'startupTimeLimit="3"',
      prepare: async (layout) => {
        await publish(layout, "app-0.mjs", NODE_APP);
        await markGood(layout, "app-0.mjs");
      },
    });
    equal(await versionOf(site), "app-0.mjs");
    equal(await isMarkedFailed(site.layout, "app-1.mjs"), true);
  },
);
