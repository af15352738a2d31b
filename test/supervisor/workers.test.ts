import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SUPERVISED_ENV } from "#src/process/worker-messages.js";
import { markFailed, markGood } from "#src/site/health-marks.js";
import { normalizeSupervise } from "#src/supervisor/options.js";
import { Supervisor } from "#src/supervisor/supervisor.js";
import { workerCommand } from "#src/supervisor/worker-command.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad } from "../rig/load.js";
import { temporarySite } from "../rig/temporary-site.js";
import { alive } from "../rig/alive.js";
import { until } from "../rig/until.js";
import { app, assertOnlyInsideLost, publish, SETTLE_MS, supervisedSite } from "./supervised-site.js";

const FRESH = { name: "one connection per request", perSecond: 100, connections: "fresh" } as const;

test("a worker that dies is replaced, and connections wait for its replacement", async (t) => {
  const site = await supervisedSite(t, { artifact: "app.mjs", content: app("1") });
  const load = await startLoad({ port: site.port, streams: [FRESH] });
  for (const round of [1, 2, 3]) {
    const [worker] = (await site.supervisor.status()).workers;
    assert.ok(worker !== undefined);
    process.kill(worker.pid, "SIGKILL");
    await until(`replacement ${round}`, async () => {
      const [now] = (await site.supervisor.status()).workers;
      return now !== undefined && now.pid !== worker.pid;
    });
    const { done } = load.progress;
    await load.until((progress) => progress.done > done + 50, "answers by the replacement");
  }
  const samples = await load.stop();
  // What was inside the killed process is lost; nothing else is.
  assertOnlyInsideLost(samples, 3);
});

test("a release that keeps dying gives way to the last good one", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") }, { probationMs: 0 });
  assert.equal((await site.deploy("app-2.mjs", app("2"))).result, "live");
  // What proved good is then known to be app-2; somebody declares the older one good.
  await markGood(site.layout, "app-1.mjs");
  for (let death = 0; death < 6; death += 1) {
    const [worker] = await until("a worker", async () => {
      const { workers } = await site.supervisor.status();
      return workers.length > 0 && workers;
    });
    if (worker?.artifact === "app-1.mjs") break;
    process.kill(worker?.pid ?? 0, "SIGKILL");
    await until("its end", async () => {
      const [now] = (await site.supervisor.status()).workers;
      return now?.pid !== worker?.pid;
    });
  }
  await until("the last good release", async () => (await site.get()).startsWith("1"));
  assert.ok(site.events.some((event) => event.type === "release-failed" && event.artifact === "app-2.mjs"));
});

test("a site whose disk takes no record of it goes on, from release to release", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") });
  await rm(site.layout.lastGood);
  await mkdir(site.layout.lastGood);
  assert.equal((await site.deploy("app-2.mjs", app("2"))).result, "live");
  assert.match(await site.get(), /^2/);
  assert.ok(site.events.some(({ type }) => type === "health-unrecorded"));
});

test("several workers are replaced one by one without a lost request", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") }, { workers: 3 });
  assert.equal((await site.supervisor.status()).workers.length, 3);
  const load = await startLoad({
    port: site.port,
    streams: [FRESH, { name: "keep-alive", perSecond: 100, connections: 8 }],
  });
  assert.equal((await site.deploy("app-2.mjs", app("2"))).result, "live");
  assertNoneFailed(await load.stop());
  const { workers } = await site.supervisor.status();
  assert.deepEqual(
    workers.map(({ artifact }) => artifact),
    ["app-2.mjs", "app-2.mjs", "app-2.mjs"],
  );
});

test("when a later worker of a release fails, the replaced ones come back", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") }, { workers: 2 });
  const load = await startLoad({ port: site.port, streams: [FRESH] });
  const onlyOnce = `
import { openSync } from "node:fs";
try { openSync(process.env.INPLACE_SITE_ROOT + "/once", "wx"); } catch { process.exit(8); }
`;
  const ended = await site.deploy("app-2.mjs", onlyOnce + app("2"));
  assert.ok(ended.result === "failed");
  assert.match(ended.reason, /exit code 8/);
  assertNoneFailed(await load.stop());
  await until("two workers of the old release", async () => {
    const { workers, state } = await site.supervisor.status();
    return (
      state.state === "serving" && workers.length === 2 && workers.every((w) => w.artifact === "app-1.mjs")
    );
  });
});

test("a newer release takes the place of one that is not ready yet", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") });
  await publish(site.layout, "app-2.mjs", "setInterval(() => undefined, 1000)");
  const overtaken = site.outcome("app-2.mjs");
  await until(
    "app-2 is being proved",
    async () => (await site.supervisor.status()).state.state === "proving",
  );
  assert.equal((await site.deploy("app-3.mjs", app("3"))).result, "live");
  assert.deepEqual(await overtaken, { result: "superseded", artifact: "app-2.mjs", by: "app-3.mjs" });
  assert.match(await site.get(), /^3/);
});

test("reload gives fresh processes of the same release without a lost request", async (t) => {
  const site = await supervisedSite(t, { artifact: "app.mjs", content: app("1") });
  const before = await site.get("/pid");
  const load = await startLoad({ port: site.port, streams: [FRESH] });
  site.supervisor.reload();
  await until("a fresh process", async () => (await site.get("/pid")) !== before);
  assertNoneFailed(await load.stop());
});

test("an app that says itself when it is ready gets no visitor before", async (t) => {
  const ready = (version: string): string =>
    app(version).replace(
      ".listen(process.env.PORT)",
      `.listen(process.env.PORT, () => setTimeout(() => { globalThis.warm = true; process.send("ready"); }, 400))`,
    );
  const site = await supervisedSite(
    t,
    { artifact: "app-1.mjs", content: ready("1") },
    { explicitReady: true, readyMs: 4_000 },
  );
  assert.equal((await site.deploy("app-2.mjs", ready("2"))).result, "live");
  const cold = await site.deploy("app-3.mjs", app("3"));
  assert.ok(cold.result === "failed");
  assert.match(cold.reason, /did not say that it is ready/);
});

test("ending the supervisor at once ends a worker that is only being proved, though it hears nothing", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") });
  const deaf = `
import { renameSync, writeFileSync } from "node:fs";
writeFileSync(process.env.INPLACE_SITE_ROOT + "/new", String(process.pid));
renameSync(process.env.INPLACE_SITE_ROOT + "/new", process.env.INPLACE_SITE_ROOT + "/pid");
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
`;
  await publish(site.layout, "app-2.mjs", deaf);
  const told = join(site.layout.root, "pid");
  const pid = Number(await until("it runs", () => readFile(told, "utf8").catch(() => undefined)));
  site.supervisor.kill();
  await until("it is gone", () => !alive(pid));
});

test("a worker whose supervisor dies before the runtime is loaded ends", async (t) => {
  const layout = await temporarySite(t);
  await publish(layout, "app.mjs", app("1"));
  const { file, args } = workerCommand(join(layout.target, "app.mjs"), { args: [], socket: "inherit" });
  const worker = spawn(file, args, {
    env: { ...process.env, [SUPERVISED_ENV]: "127.0.0.1", PORT: "1" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    timeout: SETTLE_MS,
  });
  worker.disconnect();
  assert.deepEqual(await once(worker, "exit"), [0, null]);
});

test("a first release that fails ends the supervisor where no other ever proved good", async (t) => {
  const layout = await temporarySite(t);
  await publish(layout, "app-1.mjs", "process.exit(1)");
  const supervisor = await Supervisor.open({
    layout,
    place: { host: "127.0.0.1", port: 0 },
    options: normalizeSupervise(),
    args: [],
    env: process.env,
    events: () => undefined,
  });
  await assert.rejects(supervisor.run(), { code: "START_FAILED" });
});

test("a pointer to a release that is marked failed starts the last good one", async (t) => {
  const layout = await temporarySite(t);
  await publish(layout, "app-1.mjs", app("1"));
  await markGood(layout, "app-1.mjs");
  await publish(layout, "app-2.mjs", app("2"));
  await markFailed(layout, "app-2.mjs", "it was bad");
  const supervisor = await Supervisor.open({
    layout,
    place: { host: "127.0.0.1", port: 0 },
    options: normalizeSupervise(),
    args: [],
    env: process.env,
    events: () => undefined,
  });
  const ended = supervisor.run();
  t.after(async () => {
    supervisor.stop("the test is over");
    await ended;
  });
  await supervisor.outcome("app-1.mjs", AbortSignal.timeout(SETTLE_MS));
  assert.match(await (await fetch(`http://127.0.0.1:${supervisor.port}/`)).text(), /^1/);
});

test("a port that another program takes from a worker is no fault of its release", async (t) => {
  // The first worker that starts finds its port taken; nobody can arrange that from outside.
  const unlucky = (version: string): string => `
import { openSync } from "node:fs";
import net from "node:net";
let first = false;
try { openSync(process.env.INPLACE_SITE_ROOT + "/taken-${version}", "wx"); first = true; } catch {}
if (first) await new Promise((taken) => net.createServer().listen(process.env.PORT, "127.0.0.1", taken));
${app(version)}`;
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: unlucky("1") });
  assert.match(await site.get(), /^1/);
  assert.equal((await site.deploy("app-2.mjs", unlucky("2"))).result, "live");
  assert.match(await site.get(), /^2/);
});
