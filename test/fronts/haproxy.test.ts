import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { connect } from "node:net";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { promisify } from "node:util";
import type { HaproxyConfig } from "#src/config/config.js";
import { validateConfig } from "#src/config/validate.js";
import { haproxyConfig } from "#src/fronts/haproxy/config-file.js";
import { normalizeFront } from "#src/fronts/haproxy/front.js";
import { isMarkedFailed, readLastGood } from "#src/site/health-marks.js";
import { siteLayout } from "#src/site/layout.js";
import { readPointer } from "#src/site/pointer.js";
import { unlessInstalled } from "../rig/installed.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad, type LoadStream } from "../rig/load.js";
import { rawClient } from "../platform/raw.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { start, type Started } from "../runtime/launched-site.js";
import { artifacts, ask, backendApp, busy, deployed, haproxySite } from "./haproxy-site.js";

const NEEDED = unlessInstalled("haproxy");
const SWAPS = 20;
/** Long enough for a sound artifact to start on a loaded machine. */
const START_MS = 5_000;
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 80, connections: 4 },
  { name: "one connection per request", perSecond: 60, connections: "fresh" },
  { name: "POST in two halves", perSecond: 60, connections: 4, halvesApartMs: 5, expect: "half; second" },
];

test(
  "the example's haproxy.cfg is what we write for its configuration, and HAProxy finds it sound",
  NEEDED,
  async (t) => {
    const file = "examples/haproxy/inplace.config.json";
    const user = validateConfig(JSON.parse(await readFile(file, "utf8")), file);
    const front = normalizeFront(siteLayout("/srv/blog"), "blog", user.haproxy ?? {});
    const expected = await readFile("examples/haproxy/haproxy.cfg", "utf8");
    assert.equal(haproxyConfig(front), expected);
    const path = join(await temporaryFolder(t), "haproxy.cfg");
    await writeFile(path, expected);
    await promisify(execFile)("haproxy", ["-c", "-f", path]);
  },
);

test(`${SWAPS} deploys under load: no request fails`, NEEDED, async (t) => {
  const site = await haproxySite(t);
  assert.equal((await site.haproxy("up")).code, 0);
  await deployed(site, await site.artifact("blog-0.mjs", backendApp(0)));
  const load = await startLoad({ port: site.port, streams: STREAMS, version: "version (\\d+)" });
  for (let version = 1; version <= SWAPS; version += 1) {
    await site.rollout(await site.artifact(`blog-${version}.mjs`, backendApp(version)));
    await load.until((progress) => progress.version === String(version), `version ${version}`);
  }
  assertNoneFailed(await load.stop());
  assert.equal(await readLastGood(site.layout), `blog-${SWAPS}.mjs`);
});

test(
  "an artifact that ends, never listens or is unhealthy leaves the old one serving, with exit code 6",
  NEEDED,
  async (t) => {
    const site = await haproxySite(t, { startMs: START_MS, health: { path: "/health" } });
    await site.haproxy("up");
    assert.equal(await ask(site.port), "503");
    await deployed(site, await site.artifact("blog-1.mjs", backendApp(1)));
    const load = await startLoad({ port: site.port, streams: STREAMS });
    const bad = {
      "blog-2.mjs": "process.exit(3)",
      "blog-3.mjs": "setInterval(() => {}, 1000)",
      "blog-4.mjs": `import http from "node:http";
      http.createServer((q, r) => r.writeHead(500).end()).listen(process.env.PORT);`,
    };
    for (const [name, source] of Object.entries(bad)) {
      const { code, stderr } = await site.haproxy("deploy", await site.artifact(name, source));
      assert.equal(code, 6, stderr);
      assert.match(stderr, /ROLLOUT_FAILED.*blog-1\.mjs keeps serving/);
      assert.ok(await isMarkedFailed(site.layout, name));
      const pointer = await readPointer(site.layout);
      assert.ok(pointer.state === "names" && pointer.artifact === "blog-1.mjs");
    }
    assertNoneFailed(await load.stop());
    assert.deepEqual(await artifacts(site), ["blog-1.mjs"]);
  },
);

test("a changed configuration is checked, and taken without a connection refused", NEEDED, async (t) => {
  const site = await haproxySite(t);
  await site.haproxy("up");
  await deployed(site, await site.artifact("blog-1.mjs", backendApp(1)));
  const load = await startLoad({ port: site.port, streams: STREAMS });
  const file = join(site.layout.root, "inplace.config.json");
  const config = JSON.parse(await readFile(file, "utf8")) as { haproxy: Record<string, unknown> };
  await writeFile(file, JSON.stringify({ ...config, haproxy: { ...config.haproxy, serverKeepAlive: true } }));
  assert.match((await site.haproxy("up")).stdout, /took the new configuration/);
  await writeFile(file, JSON.stringify({ ...config, haproxy: { ...config.haproxy, bind: ["nowhere:x"] } }));
  assert.match((await site.haproxy("up")).stderr, /HAPROXY_CONFIG_INVALID/);
  assertNoneFailed(await load.stop());
});

test("an idle connection outlives a change of the configuration until its next answer", NEEDED, async (t) => {
  const site = await haproxySite(t);
  await site.haproxy("up");
  await deployed(site, await site.artifact("blog-1.mjs", backendApp(1)));
  const client = rawClient(t, site.port);
  const asked = async (): Promise<string> => {
    const before = client.received.length;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    return await until("an answer", () => {
      const answer = client.received.slice(before);
      return answer.endsWith("\r\n\r\nversion 1") || client.closed ? answer : undefined;
    });
  };
  assert.match(await asked(), /^HTTP\/1\.1 200 /);
  const file = join(site.layout.root, "inplace.config.json");
  const config = JSON.parse(await readFile(file, "utf8")) as { haproxy: Record<string, unknown> };
  await writeFile(file, JSON.stringify({ ...config, haproxy: { ...config.haproxy, serverKeepAlive: true } }));
  const worker = async (): Promise<string | undefined> =>
    /^Pid: \d+$/m.exec(await site.runtime("show info").catch(() => ""))?.[0];
  const before = await worker();
  const up = site.haproxy("up");
  await until("the new process answers", async () => ![before, undefined].includes(await worker()));
  await until("the old one tells the client to close", async () => {
    const answer = await asked();
    assert.match(answer, /^HTTP\/1\.1 200 /);
    return /^connection: close\r$/im.test(answer);
  });
  assert.match((await up).stdout, /took the new configuration/);
});

test(
  "an HAProxy that something else runs is used as it is, once it has our servers, and outlives down",
  NEEDED,
  async (t) => {
    const site = await haproxySite(t, { external: true });
    const first = await site.artifact("blog-1.mjs", backendApp(1));
    assert.match((await site.haproxy("up")).stderr, /HAPROXY_UNREACHABLE/);
    const file = join(site.layout.root, "inplace.config.json");
    const { haproxy } = JSON.parse(await readFile(file, "utf8")) as { haproxy: HaproxyConfig };
    const front = normalizeFront(site.layout, "blog", haproxy);
    await mkdir(front.folder, { recursive: true });
    const path = join(front.folder, "theirs.cfg");
    const run = async (config: string): Promise<Started> => {
      await writeFile(path, config);
      const running = start(t, "haproxy", ["-db", "-f", path]);
      await until("HAProxy answers", () => site.runtime("show info").then(Boolean, () => false));
      return running;
    };
    const other = await run(haproxyConfig(front).replaceAll("local-2", "elsewhere"));
    assert.match(
      (await site.haproxy("up")).stderr,
      /no server local-2 in its backend blog[^]*server local-2 /,
    );
    other.process.kill();
    await other.exited;
    const theirs = await run(haproxyConfig(front));
    assert.match((await site.haproxy("up")).stdout, /runs, started by something else/);
    await deployed(site, first);
    const load = await startLoad({ port: site.port, streams: STREAMS, version: "version (\\d+)" });
    await deployed(site, await site.artifact("blog-2.mjs", backendApp(2)));
    await load.until(({ version }) => version === "2", "version 2");
    assertNoneFailed(await load.stop());
    assert.match((await site.haproxy("down")).stdout, /HAProxy did not run here/);
    assert.equal(theirs.process.exitCode, null);
    assert.equal(await ask(site.port), "503");
  },
);

test("what runs when traffic moves is finished; at the deadline it is cut and said", NEEDED, async (t) => {
  const site = await haproxySite(t, { drainMs: 4_000 });
  await site.haproxy("up");
  await deployed(site, await site.artifact("blog-1.mjs", backendApp(1)));
  const short = ask(site.port, "/slow/3000");
  await until("it runs", async () => (await busy(site)) === 1);
  await deployed(site, await site.artifact("blog-2.mjs", backendApp(2)));
  assert.equal(await short, "version 1");
  const long = connect(site.port, "127.0.0.1");
  // Not end(): HAProxy may take a client that closes its side for one that went away, and says 400.
  long.write("GET /slow/60000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  await until("it runs", async () => (await busy(site)) === 1);
  const { stderr } = await site.haproxy("deploy", await site.artifact("blog-3.mjs", backendApp(3)));
  assert.match(stderr, /with 1 requests still running/);
  assert.match(await text(long), /502/);
  assert.equal(await ask(site.port), "version 3");
});

test("builds tagged by time are found by their tag", NEEDED, async (t) => {
  const site = await haproxySite(t);
  await site.haproxy("up");
  await site.artifact("blog-202411230900.mjs", backendApp(1));
  await site.artifact("blog-20241123100159.mjs", backendApp(2));
  assert.equal((await site.haproxy("deploy", "--from-tag", "202411230900")).code, 0);
  assert.equal(await ask(site.port), "version 1");
  assert.equal((await site.haproxy("deploy", "--from-tag", "202411231001")).code, 0);
  assert.equal(await ask(site.port), "version 2");
  assert.match((await site.haproxy("deploy", "--from-tag", "202411231002")).stderr, /ARTIFACT_MISSING/);
});
