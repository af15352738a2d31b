// A release that dies soon after its first answers is no good one, whoever runs its launcher.
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { isMarkedFailed, listFailed, readLastGood } from "#src/site/health-marks.js";
import { pointedArtifact } from "#src/site/pointer.js";
import { until } from "../rig/until.js";
import { publish } from "../watch/watched-site.js";
import { fetch } from "./fetch.js";
import { NODE_APP, releasedSite } from "./released-site.js";
import { webConfig } from "./site.js";

const dying = (after: string): string => `${NODE_APP}\n${after}`;
/** A server in another language, which lives on when its port is closed. */
const python = (onGet: string, atStart: string): string => `exec /usr/bin/python3 -c '
import os, signal, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(str(os.getpid()).encode())
        ${onGet}
    def log_message(self, *args): pass
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
def close(): server.shutdown(); server.server_close()
def work(*args): time.sleep(2.5); os._exit(0)
${atStart}
server.serve_forever()
while True: time.sleep(100)
'
`;
const onRequest = 'import http from "node:http";\n';
const DEATHS = [
  [
    "strict",
    "throws at its first request",
    `${onRequest}http.createServer(() => { throw new Error("x"); }).listen(process.env.PORT);`,
  ],
  [
    "strict",
    "ends at its first request",
    `${onRequest}http.createServer(() => process.exit(3)).listen(process.env.PORT);`,
  ],
  [
    "strict",
    "answers, and dies a second after it listened",
    dying("setTimeout(() => process.exit(1), 1_000);"),
  ],
  ["default", "dies half a second after it listened", dying("setTimeout(() => process.exit(1), 500);")],
  [
    "default",
    // Before, it might have looked whether the port is free, and is waited for as long as any start.
    "closes its port half a second after it answered, and lives on",
    dying(
      'server.once("request", () => setTimeout(() => { server.close(); server.closeAllConnections(); setInterval(() => {}, 1000); }, 500));',
    ),
  ],
  ["default", "is no Node program and closes its port", python("threading.Timer(0.5, close).start()", "")],
  ["default", "dies after a second", dying("setTimeout(() => process.abort(), 1000);")],
] as const;

test(
  "a release that dies before it has stayed up is marked failed, and stays so",
  { concurrency: true },
  async (t) => {
    const each = DEATHS.map(([mode, what, source]) =>
      t.test(`${mode}: it ${what}`, async (sub) => {
        const site = await releasedSite(sub, "app-0.mjs", NODE_APP, { strict: mode === "strict" });
        const bad = source.startsWith("exec") ? "app-1.sh" : "app-1.mjs";
        match(await (await fetch(site.url)).text(), /^version app-0/);
        await site.nth("artifact-live", 1);
        await publish(site.layout, bad, source);
        await until("it has failed", async () => {
          await fetch(site.url).catch(() => undefined);
          return await isMarkedFailed(site.layout, bad);
        });
        // Where it died before it was switched to, the one before was never away.
        await until(
          "the one before is live",
          () => site.all("artifact-live").length + site.all("overlap-failed").length > 1,
        );
        deepEqual(new Set(site.all("artifact-live").map(({ artifact }) => artifact)), new Set(["app-0.mjs"]));
        equal(await readLastGood(site.layout), "app-0.mjs");
        deepEqual(
          (await listFailed(site.layout)).map(({ artifact }) => artifact),
          [bad],
        );
        await until("the one before serves on", async () =>
          (await (await fetch(site.url)).text()).startsWith("version app-0"),
        );
      }),
    );
    await Promise.all(each);
  },
);

test("a release that dies again and again after it went live gives way to the one before", async (t) => {
  const site = await releasedSite(t, "app-0.mjs", NODE_APP);
  await fetch(site.url);
  await site.nth("artifact-live", 1);
  await publish(site.layout, "app-1.mjs", dying("setTimeout(() => process.exit(1), 2_700);"));
  const taken = await until("it is taken back", async () => {
    await fetch(site.url).catch(() => undefined);
    return site.all("overlap-failed")[0];
  });
  match(taken.reason, /ended with code 1, 3 times since it went live/);
  equal(taken.kept, "app-0.mjs");
  await until("the one before serves", async () =>
    (await (await fetch(site.url)).text()).startsWith("version app-0"),
  );
  equal(await pointedArtifact(site.layout), "app-0.mjs");
});

test("a live process that closes its port and lives on is replaced, and visitors wait for the next", async (t) => {
  const closing = dying(
    'const close = () => { server.close(); server.closeAllConnections(); setInterval(() => {}, 1000); }; server.on("request", (q) => q.url === "/close" && setTimeout(close, 100));',
  );
  const site = await releasedSite(t, "app-0.mjs", closing);
  const before = await (await fetch(site.url)).text();
  await site.nth("artifact-live", 1);
  await fetch(`${site.url}/close`);
  await until("its port is closed", async () => {
    await fetch(site.url).catch(() => undefined);
    return site.all("backend-draining").length > 0;
  });
  notEqual(await (await fetch(site.url)).text(), before);
  equal(await readLastGood(site.layout), "app-0.mjs");
});

test("one that closes its port and is still at work gets a swap's time to end", async (t) => {
  const program = python(
    'self.path == "/close" and threading.Thread(target=close).start()',
    "signal.signal(signal.SIGTERM, work)",
  );
  const site = await releasedSite(t, "app-0.sh", program, {
    prepare: ({ webConfig: path }) =>
      writeFile(path, webConfig('processPath=".\\launch.cmd" shutdownTimeLimit="1"', "aspNetCore")),
  });
  const before = await (await fetch(site.url)).text();
  await fetch(`${site.url}/close`);
  notEqual(await (await fetch(site.url)).text(), before);
  const [ended] = site.all("backend-exited");
  deepEqual([ended?.code, ended?.signal], [0, null]);
});
