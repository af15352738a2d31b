import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad, type LoadStream, type Sample } from "../rig/load.js";
import { unlessInstalled } from "../rig/installed.js";
import { until } from "../rig/until.js";
import type { UserSystemd } from "../rig/user-systemd.js";
import { publish } from "../watch/watched-site.js";
import { freePort } from "../rig/free-port.js";
import { systemdSite, versionedApp } from "./systemd-site.js";

const SWAPS = 20;
/** Requests between two deploys. */
const SETTLED = 100;
/**
 * What two busy processors can bear; npm run bench:fronts sends 1,000 a second. So many connections that requests do not
 * pile up where each takes 40 ms.
 */
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 120, connections: 8 },
  { name: "one connection per request", perSecond: 90, connections: "fresh" },
  { name: "POST in two halves", perSecond: 90, connections: 8, halvesApartMs: 5, expect: "half; second" },
];
const NEEDED = unlessInstalled("systemctl", "systemd-notify", "unshare");

test(`${SWAPS} recycles under load: nothing refused, nothing reset`, NEEDED, async (t) => {
  const { layout, systemd, port } = await systemdSite(t);
  await publish(layout, "blog-0.mjs", versionedApp(0));
  const load = await startLoad({ port, streams: STREAMS, version: "version (\\d+)" });
  await load.until(({ version }) => version === "0", "the first connection starts the site");
  for (let version = 1; version <= SWAPS; version += 1) {
    await publish(layout, `blog-${version}.mjs`, versionedApp(version));
    await load.until((progress) => progress.version === String(version), `version ${version}`);
    const { done } = load.progress;
    await load.until((progress) => progress.done >= done + SETTLED, "it serves for a while");
  }
  await noneFailed(await load.stop(), systemd);
  assert.equal(await systemd.property("blog.socket", "ActiveState"), "active");
  await until(
    "systemd was told",
    async () => (await systemd.property("blog.service", "StatusText")) === `serving blog-${SWAPS}.mjs`,
  );
});

test(
  "an app that listens on two ports gets both sockets, one of them on IPv4 and IPv6",
  NEEDED,
  async (t) => {
    const [web, admin] = [await freePort(), await freePort()];
    const listen = [`127.0.0.1:${web}`, `[::1]:${web}`, `admin=127.0.0.1:${admin}`];
    const { layout, systemd } = await systemdSite(t, { listen });
    const two = `http.createServer((request, response) => response.end("admin")).listen(${admin}, "127.0.0.1");`;
    await publish(layout, "blog-1.mjs", versionedApp(1, two));
    assert.equal(await ask(admin), "admin");
    assert.equal(await ask(web), "version 1");
    assert.equal(await ask(web, "::1"), "version 1");
    const before = await systemd.property("blog.service", "MainPID");
    await publish(layout, "blog-2.mjs", versionedApp(2, two));
    await until("version 2", async () => (await ask(web)) === "version 2");
    assert.notEqual(await systemd.property("blog.service", "MainPID"), before);
    assert.equal(await ask(admin), "admin");
  },
);

test(
  "systemctl stop lets a request in flight finish, which keeps nobody waiting; the next connection starts the site again",
  NEEDED,
  async (t) => {
    const { layout, systemd, port } = await systemdSite(t);
    await publish(layout, "blog-1.mjs", versionedApp(1));
    const socket = connect(port, "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    await once(socket, "connect");
    await until("it serves", async () => (await ask(port)) === "version 1");
    const stopped = systemd.control("stop", "blog.service");
    await until("it drains", async () =>
      (await systemd.property("blog.service", "StatusText")).startsWith("draining"),
    );
    assert.equal(await ask(port), "version 1");
    socket.write("67890");
    assert.match(await text(socket), /version 11234567890$/);
    await stopped;
    assert.equal(await systemd.property("blog.service", "Result"), "success");
    assert.equal(await ask(port), "version 1");
  },
);

test("an artifact that dies at once costs no request: the last good one serves", NEEDED, async (t) => {
  const { layout, systemd, port } = await systemdSite(t);
  await publish(layout, "blog-1.mjs", versionedApp(1));
  assert.equal(await ask(port), "version 1");
  const load = await startLoad({ port, streams: [{ name: "fresh", perSecond: 100, connections: "fresh" }] });
  await publish(layout, "blog-2.mjs", "process.exit(3);");
  await until("it is marked", () => existsSync(join(layout.failed, "blog-2.mjs")));
  assert.equal(await ask(port), "version 1");
  await noneFailed(await load.stop(), systemd);
});

/** The body of an answer, asked for on a connection of its own. */
async function ask(port: number, host = "127.0.0.1"): Promise<string> {
  const socket = connect(port, host);
  socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  return (await text(socket)).replace(/^.*?\r\n\r\n/s, "");
}

/** As assertNoneFailed, with what systemd and the apps said. */
async function noneFailed(samples: readonly Sample[], systemd: UserSystemd): Promise<void> {
  try {
    assertNoneFailed(samples);
  } catch (error) {
    console.log(await systemd.output());
    throw error;
  }
}
