import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { unlessInstalled } from "../rig/installed.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad, type LoadStream } from "../rig/load.js";
import { temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { publish } from "../watch/watched-site.js";
import { systemdSite, versionedApp } from "./systemd-site.js";

const SWAPS = 10;
const SETTLED = 50;
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 60, connections: 8 },
  { name: "one connection per request", perSecond: 60, connections: "fresh" },
  { name: "POST in two halves", perSecond: 60, connections: 8, halvesApartMs: 5, expect: "half; second" },
];

test(
  `supervise as the service holds systemd's socket: ${SWAPS} handovers in one process, no request fails`,
  unlessInstalled("systemctl", "systemd-notify", "unshare"),
  async (t) => {
    const site = await temporarySite(t);
    const command = [process.execPath, resolve("bin/inplace.js"), "--site-root", site.root, "supervise"];
    const { systemd, port } = await systemdSite(t, { root: site.root, command });
    await publish(site, "blog-0.mjs", versionedApp(0));
    const load = await startLoad({ port, streams: STREAMS, version: "version (\\d+)" });
    await load.until(({ version }) => version === "0", "the first connection starts the site");
    const supervisor = await systemd.property("blog.service", "MainPID");
    for (let version = 1; version <= SWAPS; version += 1) {
      await publish(site, `blog-${version}.mjs`, versionedApp(version));
      await load.until((progress) => progress.version === String(version), `version ${version}`);
      const { done } = load.progress;
      await load.until((progress) => progress.done >= done + SETTLED, "it serves for a while");
    }
    assertNoneFailed(await load.stop());
    assert.equal(await systemd.property("blog.service", "MainPID"), supervisor);
    await until(
      "systemd knows",
      async () => (await systemd.property("blog.service", "StatusText")) === `serving blog-${SWAPS}.mjs`,
    );
    await systemd.control("stop", "blog.service");
    assert.equal(await systemd.property("blog.service", "Result"), "success");
  },
);
