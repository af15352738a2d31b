import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import type { HaproxyConfig, HaproxyHost } from "#src/config/config.js";
import { unlessInstalled } from "../rig/installed.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad, type LoadStream } from "../rig/load.js";
import { networkHosts } from "../rig/network-hosts.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { backendApp, haproxySite, type HaproxySite } from "./haproxy-site.js";

const HOSTS = ["one", "two", "three"] as const;
const NEEDED =
  process.env["CI"] !== "true" && process.getuid?.() !== 0
    ? { skip: "making network namespaces needs root" }
    : unlessInstalled("haproxy", "ip");
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 60, connections: 4 },
  { name: "one connection per request", perSecond: 60, connections: "fresh" },
];

interface Fleet extends HaproxySite {
  /** Puts the artifact on every host, as rsync or a share would, except on those named. */
  spread(name: string, source: string, except?: readonly string[]): Promise<string>;
  /** Which artifacts each host runs, in the order of the hosts. */
  running(): Promise<readonly string[]>;
}

test(
  "three hosts are moved one by one under load; the first failure leaves those after it untouched; no request fails",
  NEEDED,
  async (t) => {
    const fleet = await startFleet(t);
    await deploy(fleet, await fleet.spread("blog-1.mjs", backendApp(1)), "--batch", "3");
    assert.deepEqual(await fleet.running(), ["blog-1.mjs", "blog-1.mjs", "blog-1.mjs"]);
    const load = await startLoad({ port: fleet.port, streams: STREAMS, version: "version (\\d+)" });
    const { stdout } = await deploy(fleet, await fleet.spread("blog-2.mjs", backendApp(2)));
    const moved = [...stdout.matchAll(/^(\w+): blog-2\.mjs serves/gm)].map(([, host]) => host);
    assert.deepEqual(moved, HOSTS);
    assert.deepEqual(await fleet.running(), ["blog-2.mjs", "blog-2.mjs", "blog-2.mjs"]);

    const missing = await fleet.spread("blog-3.mjs", backendApp(3), ["two"]);
    const { code, stderr } = await fleet.haproxy("deploy", missing);
    assert.equal(code, 6, stderr);
    assert.match(stderr, /one: moved, blog-3\.mjs\n  two: failed, ARTIFACT_MISSING.*\n  three: untouched/);
    assert.deepEqual(await fleet.running(), ["blog-3.mjs", "blog-2.mjs", "blog-2.mjs"]);
    assertNoneFailed(await load.stop());
  },
);

test("a host out of reach stops a deploy before it begins, unless it is allowed for", NEEDED, async (t) => {
  const fleet = await startFleet(t, { two: { command: ["false"] } });
  const artifact = await fleet.spread("blog-1.mjs", backendApp(1));
  const { code, stderr } = await fleet.haproxy("deploy", artifact);
  assert.equal(code, 1);
  assert.match(stderr, /HOST_UNREACHABLE: 1 of 3 hosts cannot be reached, 0 may be/);
  assert.deepEqual(await fleet.running(), ["-", "unreachable", "-"]);
  await deploy(fleet, artifact, "--max-unavailable", "1");
  assert.deepEqual(await fleet.running(), ["blog-1.mjs", "unreachable", "blog-1.mjs"]);
});

async function deploy(fleet: Fleet, ...args: readonly string[]) {
  const ran = await fleet.haproxy("deploy", ...args);
  assert.equal(ran.code, 0, ran.stderr);
  return ran;
}

/** Three machines, each with a folder of the site, and HAProxy on this one. */
async function startFleet(
  t: TestContext,
  changed: Readonly<Record<string, Partial<HaproxyHost>>> = {},
): Promise<Fleet> {
  // First, so that it is done first after the test: what runs on the hosts ends before they and their folders go.
  let down = async (): Promise<unknown> => undefined;
  t.after(() => down());
  const folder = await temporaryFolder(t);
  const machines = await networkHosts(t, HOSTS.length);
  const hosts = HOSTS.map((name, index): HaproxyHost => {
    const { address = "", inside = [] } = machines[index] ?? {};
    const command = [...inside, process.execPath, resolve("bin/inplace.js")];
    return { name, address, command, siteRoot: join(folder, name), ...changed[name] };
  });
  for (const name of HOSTS) await mkdir(join(folder, name, "_target"), { recursive: true });
  const config: HaproxyConfig = { hosts };
  const site = await haproxySite(t, config);
  down = () => site.haproxy("down");
  assert.equal((await site.haproxy("up")).code, 0);
  return {
    ...site,
    async spread(name, source, except = []) {
      for (const host of HOSTS) {
        if (!except.includes(host)) await writeFile(join(folder, host, "_target", name), source);
      }
      return site.artifact(name, source);
    },
    async running() {
      const { hosts: seen } = await site.status();
      return seen.map(({ servers }) => {
        if (servers === undefined) return "unreachable";
        return servers.flatMap(({ artifact }) => artifact ?? []).join() || "-";
      });
    },
  };
}
