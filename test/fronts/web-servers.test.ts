import assert from "node:assert/strict";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import { unlessInstalled } from "../rig/installed.js";
import { assertNoneFailed, report } from "../rig/load-report.js";
import { startLoad, type LoadStream } from "../rig/load.js";
import { until } from "../rig/until.js";
import { publish } from "../watch/watched-site.js";
import { versionedApp, systemdSite } from "./systemd-site.js";
import { caddy, nginx, restartedSite } from "./web-servers.js";

const SWAPS = 5;
const SETTLED = 50;
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 60, connections: 4 },
  { name: "one connection per request", perSecond: 40, connections: "fresh" },
  { name: "POST in two halves", perSecond: 40, connections: 4, halvesApartMs: 5, expect: "half; second" },
];

test(
  `Caddy holds what has no body while a release ends and the next starts: ${SWAPS} recycles, no request fails`,
  unlessInstalled("caddy"),
  async (t) => {
    const site = await restartedSite(t);
    const port = await caddy(t, site.port, "30s");
    await publish(site.layout, "blog-0.mjs", versionedApp(0));
    site.run();
    await recycles(
      site.layout,
      port,
      STREAMS.filter(({ halvesApartMs }) => halvesApartMs === undefined),
    );
  },
);

for (const [name, start] of [
  ["Caddy", caddy],
  ["nginx", nginx],
] as const) {
  const needed = unlessInstalled(name.toLowerCase(), "systemctl", "systemd-notify", "unshare");
  test(`${name} in front of a systemd socket: ${SWAPS} recycles, no request fails`, needed, async (t) => {
    const site = await systemdSite(t);
    const port = await start(t, site.port);
    await publish(site.layout, "blog-0.mjs", versionedApp(0));
    await recycles(site.layout, port, STREAMS);
  });
}

test("Caddy shows a friendly page when nothing runs", unlessInstalled("caddy"), async (t) => {
  const { port } = await restartedSite(t);
  const answer = await page(await caddy(t, port, "300ms"));
  assert.match(answer, /^HTTP\/1\.1 503 /);
  assert.match(answer, /Retry-After: 10/);
  assert.match(answer, /We will be back soon/);
});

test(
  "nginx shows a friendly page when nothing runs, and cannot hold: some requests of a recycle get it",
  unlessInstalled("nginx"),
  async (t) => {
    const site = await restartedSite(t);
    const port = await nginx(t, site.port);
    const answer = await page(port);
    assert.match(answer, /^HTTP\/1\.1 503 .*Retry-After: 10.*We will be back soon/s);
    await publish(site.layout, "blog-0.mjs", versionedApp(0));
    site.run();
    await until("it serves", async () => (await page(port)).includes("version 0"));
    const load = await startLoad({ port, streams: STREAMS, version: "version (\\d+)" });
    await load.until(({ done }) => done > SETTLED, "it serves for a while");
    await publish(site.layout, "blog-1.mjs", versionedApp(1));
    await load.until(({ version }) => version === "1", "version 1");
    const failures = report(await load.stop())["all"]?.failures ?? {};
    assert.deepEqual(Object.keys(failures), ["status"]);
  },
);

/** New releases under load, each published when the one before has served for a while. */
async function recycles(layout: SiteLayout, port: number, streams: readonly LoadStream[]): Promise<void> {
  const load = await startLoad({ port, streams, version: "version (\\d+)" });
  await load.until(({ version }) => version === "0", "the first requests wait for the site");
  for (let version = 1; version <= SWAPS; version += 1) {
    await publish(layout, `blog-${version}.mjs`, versionedApp(version));
    await load.until((progress) => progress.version === String(version), `version ${version}`);
    const { done } = load.progress;
    await load.until((progress) => progress.done >= done + SETTLED, "it serves for a while");
  }
  assertNoneFailed(await load.stop());
}

/** A whole answer as it came. */
function page(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
  return text(socket);
}
