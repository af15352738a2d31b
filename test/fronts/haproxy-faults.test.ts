import assert from "node:assert/strict";
import { test } from "node:test";
import { unlessInstalled } from "../rig/installed.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad, type LoadStream } from "../rig/load.js";
import { alive } from "../rig/alive.js";
import { rawClient } from "../platform/raw.js";
import { until } from "../rig/until.js";
import { artifacts, ask, backendApp, busy, deployed, haproxySite, running } from "./haproxy-site.js";

const NEEDED = unlessInstalled("haproxy");
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 80, connections: 4 },
  { name: "one connection per request", perSecond: 60, connections: "fresh" },
  { name: "POST in two halves", perSecond: 60, connections: 4, halvesApartMs: 5, expect: "half; second" },
];

test("a backend that is killed is started again, and requests wait for it", NEEDED, async (t) => {
  const site = await haproxySite(t);
  await site.haproxy("up");
  await deployed(site, await site.artifact("blog-1.mjs", backendApp(1)));
  const [before] = await running(site);
  process.kill(before?.pid ?? 0, "SIGKILL");
  await until("it is gone", () => !alive(before?.pid ?? 0));
  for (let asked = 0; asked < 10; asked += 1) assert.equal(await ask(site.port), "version 1");
  const [after] = await running(site);
  assert.notEqual(after?.pid, before?.pid);
  assert.equal(after?.restarts, 1);
});

test(
  "with its keeper killed as well a backend is gone; the next deploy brings the site back",
  NEEDED,
  async (t) => {
    const site = await haproxySite(t);
    await site.haproxy("up");
    await deployed(site, await site.artifact("blog-1.mjs", backendApp(1)));
    const [killed] = await running(site);
    process.kill(killed?.keeper ?? 0, "SIGKILL");
    process.kill(killed?.pid ?? 0, "SIGKILL");
    await until("HAProxy finds it down", async () => (await ask(site.port)) === "503");
    assert.deepEqual(await artifacts(site), []);
    await deployed(site, "blog-1.mjs");
    assert.equal(await ask(site.port), "version 1");
  },
);

test("HAProxy killed and started again finds the state as it was", NEEDED, async (t) => {
  const site = await haproxySite(t);
  await site.haproxy("up");
  await deployed(site, await site.artifact("blog-1.mjs", backendApp(1)));
  await deployed(site, await site.artifact("blog-2.mjs", backendApp(2)));
  const { haproxy } = await site.status();
  process.kill(await site.master(), "SIGKILL");
  process.kill(haproxy.pid, "SIGKILL");
  assert.match((await site.haproxy("deploy", "blog-1.mjs")).stderr, /HAPROXY_UNREACHABLE/);
  assert.equal((await site.haproxy("up")).code, 0);
  assert.equal(await ask(site.port), "version 2");
  const load = await startLoad({ port: site.port, streams: STREAMS, version: "version (\\d+)" });
  await deployed(site, await site.artifact("blog-3.mjs", backendApp(3)));
  await load.until(({ version }) => version === "3", "the new version");
  assertNoneFailed(await load.stop());
});

test(
  "where both serve, as after a deploy that was killed, the next deploy leaves exactly the newest",
  NEEDED,
  async (t) => {
    const site = await haproxySite(t);
    await site.haproxy("up");
    await deployed(site, await site.artifact("blog-1.mjs", backendApp(1)));
    // Held by its visitor, so that the deploy waits for it until it is killed.
    const held = rawClient(t, site.port);
    held.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\na");
    await until("it runs", async () => (await busy(site)) === 1);
    await site.killedDeploy(await site.artifact("blog-2.mjs", backendApp(2)), /blog-2\.mjs serves/);
    held.send("b");
    assert.match(await held.ends(), /\r\n\r\nversion 1ab$/);
    assert.deepEqual(await artifacts(site), ["blog-1.mjs", "blog-2.mjs"]);
    await site.runtime("set server blog/local-1 state ready");
    await until("both serve", async () => (await running(site)).every(({ serving }) => serving));
    const load = await startLoad({ port: site.port, streams: STREAMS });
    await deployed(site, "blog-2.mjs");
    assertNoneFailed(await load.stop());
    assert.deepEqual(await artifacts(site), ["blog-2.mjs"]);
  },
);
