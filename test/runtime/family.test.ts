import assert from "node:assert/strict";
import { test } from "node:test";
import { readHistory } from "#src/site/history.js";
import { until } from "../rig/until.js";
import { publish } from "../watch/watched-site.js";
import { app, fetchText, launch, launchedSite } from "./launched-site.js";

test("what the app forks, spawns or runs in worker threads is not taken for the app", async (t) => {
  const layout = await launchedSite(t);
  // Each of the three would, as the app, watch, drain at the publish and say so.
  const helper = `
    import http from "node:http";
    import { isMainThread, parentPort } from "node:worker_threads";
    http.createServer((request, response) => response.end()).listen(0, "127.0.0.1", () => {
      if (isMainThread) process.send("listening"); else parentPort.postMessage("listening");
    });`;
  await publish(
    layout,
    "app-1.mjs",
    app(`
      import { fork } from "node:child_process";
      import { writeFileSync } from "node:fs";
      import { Worker } from "node:worker_threads";
      writeFileSync("helper.mjs", ${JSON.stringify(helper)});
      const child = fork("helper.mjs");
      const worker = new Worker("./helper.mjs");
      let up = 0;
      for (const each of [child, worker]) each.on("message", () => { if (++up === 2) console.log("helpers up"); });
      child.on("exit", (code, signal) => console.log("child ended", code, signal));
      process.on("exit", () => child.kill());
    `),
  );
  const running = launch(t, layout);
  await running.port();
  await until("both helpers to listen", () => running.stdout().includes("helpers up"));
  await publish(layout, "app-2.mjs", app());
  assert.equal(await running.exited, 0);
  assert.equal(running.stderr().match(/drained/g)?.length, 1);
  assert.doesNotMatch(running.stdout(), /child ended/);
  const live = (await readHistory(layout)).records.filter(({ event }) => event === "live");
  assert.deepEqual(
    live.map(({ artifact }) => artifact),
    ["app-1.mjs"],
  );
});

for (const policy of ["SCHED_RR", "SCHED_NONE"]) {
  test(`the workers of a cluster (${policy}) drain when a newer release is published, and are not started again`, async (t) => {
    const layout = await launchedSite(t);
    await publish(
      layout,
      "app-1.mjs",
      `
      import cluster from "node:cluster";
      import http from "node:http";
      cluster.schedulingPolicy = cluster.${policy};
      if (cluster.isPrimary) {
        for (let i = 0; i < 2; i++) cluster.fork();
        let up = 0;
        cluster.on("listening", (worker, { port }) => { if (++up === 2) console.log("port " + port); });
        cluster.on("exit", (worker, code) => { console.log("worker ended with " + code); cluster.fork(); });
      } else {
        http.createServer((request, response) => {
          if (request.url === "/slow") setTimeout(() => response.end("slow answer"), 500);
          else response.end(process.env.INPLACE_ARTIFACT);
        }).listen(0, "127.0.0.1");
      }`,
    );
    const running = launch(t, layout);
    const port = await running.port();
    assert.equal(await fetchText(port), "app-1.mjs");
    const slow = fetchText(port, "/slow");
    await fetchText(port);
    await publish(layout, "app-2.mjs", app());
    assert.equal(await slow, "slow answer");
    assert.equal(await running.exited, 0);
    // And none that was ended in the place of another, or the app would start one after the other until it ends.
    assert.deepEqual(
      running.stdout().match(/^worker ended with .*$/gm),
      Array(2).fill("worker ended with 0"),
    );
  });
}

test("a cluster whose workers do not take part is ended by the exit guard: exit code 7, and it says so", async (t) => {
  const layout = await launchedSite(t);
  await publish(
    layout,
    "app-1.mjs",
    `
    import cluster from "node:cluster";
    import http from "node:http";
    if (cluster.isPrimary) {
      cluster.setupPrimary({ execArgv: [] });
      cluster.fork();
      cluster.on("listening", (worker, { port }) => console.log("port " + port));
    } else http.createServer((request, response) => response.end()).listen(0, "127.0.0.1");`,
  );
  const running = launch(t, layout, [], { INPLACE_DRAIN_MS: "100" });
  await running.port();
  await publish(layout, "app-2.mjs", app());
  assert.equal(await running.exited, 7);
  assert.match(running.stderr(), /ended by the exit guard/);
});
