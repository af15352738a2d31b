// npm run bench:fronts: what a swap costs behind each front, as a table on stdout. RATE: requests a second.
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, test, type TestContext } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import { startLoad, type Load, type LoadStream, type Sample } from "../rig/load.js";
import { temporarySite } from "../rig/temporary-site.js";
import { publish } from "../watch/watched-site.js";
import { backendApp, haproxySite } from "./haproxy-site.js";
import { systemdSite, versionedApp } from "./systemd-site.js";
import { caddy, nginx, restartedSite } from "./web-servers.js";

const SWAPS = 5;
const RATE = Number(process.env["RATE"] ?? 1_000);
/** Served between two swaps, so that each is seen by itself, milliseconds of load. */
const SETTLED_MS = 700;
/** After the new release has answered: the old one's last connections. */
const AFTERMATH_MS = 500;
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: RATE * 0.4, connections: 8 },
  { name: "fresh", perSecond: RATE * 0.3, connections: "fresh" },
  { name: "POST", perSecond: RATE * 0.3, connections: 8, halvesApartMs: 5, expect: "half; second" },
];

/** Failures of each front that are told one by one. */
const SHOWN = 8;

type Deploy = (version: number) => Promise<void>;
const rows: string[][] = [];

bench("systemd socket, plain Node app, systemctl restart", async (t) => {
  const layout = await temporarySite(t);
  const program = join(layout.root, "app.mjs");
  const source = (version: number): string =>
    versionedApp(version).replace("server.listen(process.env.PORT)", "server.listen({ fd: 3 })");
  const command = [process.execPath, program];
  const { systemd, port } = await systemdSite(t, { root: layout.root, command, notify: false });
  await writeFile(program, source(0));
  return [
    port,
    async (version) => {
      await writeFile(program, source(version));
      await systemd.control("restart", "blog.service");
    },
  ];
});

bench("systemd socket, recycle", async (t) => {
  const { layout, port } = await systemdSite(t);
  await publish(layout, "blog-0.mjs", versionedApp(0));
  return [port, publisher(layout)];
});

bench("systemd socket, supervise", async (t) => {
  const layout = await temporarySite(t);
  const command = [process.execPath, resolve("bin/inplace.js"), "--site-root", layout.root, "supervise"];
  const { port } = await systemdSite(t, { root: layout.root, command });
  await publish(layout, "blog-0.mjs", versionedApp(0));
  return [port, publisher(layout)];
});

bench("HAProxy, inplace haproxy deploy", async (t) => {
  const site = await haproxySite(t);
  await site.haproxy("up");
  const deploy: Deploy = async (version) => {
    await site.rollout(await site.artifact(`blog-${version}.mjs`, backendApp(version)));
  };
  await deploy(0);
  return [site.port, deploy];
});

for (const [name, start] of [
  ["Caddy", caddy],
  ["nginx", nginx],
] as const) {
  bench(`${name}, recycle by a restart loop`, async (t) => {
    const site = await restartedSite(t);
    await publish(site.layout, "blog-0.mjs", versionedApp(0));
    site.run();
    return [await start(t, site.port), publisher(site.layout)];
  });
  bench(`${name} before a systemd socket, recycle`, async (t) => {
    const { layout, port } = await systemdSite(t);
    await publish(layout, "blog-0.mjs", versionedApp(0));
    return [await start(t, port), publisher(layout)];
  });
}

after(() => {
  const head = ["front", "requests", "refused", "reset", "5xx", "dark ms", "p99 in the swap, ms"];
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  console.log(
    `\n${SWAPS} swaps, ${RATE} requests a second, Node ${process.version}\n\n${lines.join("\n")}\n`,
  );
});

interface SwapTimes {
  readonly from: number;
  readonly to: number;
}

function bench(name: string, prepare: (t: TestContext) => Promise<readonly [number, Deploy]>): void {
  test(name, { timeout: 240_000 }, async (t) => {
    const [port, deploy] = await prepare(t);
    const load = await startLoad({ port, streams: STREAMS, version: "version (\\d+)" });
    await load.until(({ version }) => version === "0", "version 0");
    await served(load, SETTLED_MS);
    const swaps: SwapTimes[] = [];
    for (let version = 1; version <= SWAPS; version += 1) {
      const from = Date.now();
      await deploy(version);
      await load.until((progress) => progress.version === String(version), `version ${version}`, 60_000);
      swaps.push({ from, to: Date.now() + AFTERMATH_MS });
      await served(load, SETTLED_MS);
    }
    const samples = await load.stop();
    rows.push(row(name, samples, swaps));
    for (const each of samples.filter(({ failure }) => failure !== undefined).slice(0, SHOWN)) {
      t.diagnostic(`${each.stream}: ${each.failure} after ${each.doneAt - each.sentAt} ms, ${each.detail}`);
    }
  });
}

/** Waits until as much was answered as arrives in so many milliseconds. */
async function served(load: Load, ms: number): Promise<void> {
  const enough = load.progress.done + (RATE * ms) / 1_000;
  await load.until(({ done }) => done >= enough, "it serves for a while", 60_000);
}

function publisher(layout: SiteLayout): Deploy {
  return (version) => publish(layout, `blog-${version}.mjs`, versionedApp(version));
}

function row(name: string, samples: readonly Sample[], swaps: readonly SwapTimes[]): string[] {
  const count = (...kinds: readonly Sample["failure"][]): string =>
    String(samples.filter(({ failure }) => failure !== undefined && kinds.includes(failure)).length);
  const during = samples.filter(({ dueAt }) => swaps.some(({ from, to }) => dueAt >= from && dueAt <= to));
  const latencies = during.map(({ doneAt, dueAt }) => doneAt - dueAt).sort((a, b) => a - b);
  const dark = swaps.map((swap) => longestGap(samples, swap)).sort((a, b) => a - b);
  return [
    name,
    String(samples.length),
    count("refused"),
    count("reset", "empty", "truncated"),
    count("status"),
    String(dark[Math.floor(dark.length / 2)] ?? 0),
    String(latencies[Math.floor(latencies.length * 0.99)] ?? 0),
  ];
}

/** The longest time without a good answer in the swap. */
function longestGap(samples: readonly Sample[], { from, to }: SwapTimes): number {
  const answers = samples
    .filter(({ failure, doneAt }) => failure === undefined && doneAt >= from && doneAt <= to)
    .map(({ doneAt }) => doneAt)
    .sort((a, b) => a - b);
  return answers.reduce((longest, at, index) => Math.max(longest, at - (answers[index - 1] ?? at)), 0);
}
