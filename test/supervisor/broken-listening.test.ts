import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad } from "../rig/load.js";
import { app, supervisedSite } from "./supervised-site.js";

const PORT = "process.env.PORT";
const HTTP = 'import http from "node:http";\nimport net from "node:net";\n';

/** Releases of which every visitor would hang, be refused or be reset; each looks as if it had started well. */
const BROKEN: Readonly<Record<string, string>> = {
  "answers no request": `http.createServer(() => undefined).listen(${PORT});`,
  "has a server without a handler": `http.createServer().listen(${PORT});`,
  "blocks its event loop once it listens": `http.createServer((q, s) => s.end()).listen(${PORT}, () => { for (;;); });`,
  "breaks every connection": `http.createServer((q, s) => s.end()).on("connection", (c) => c.destroy()).listen(${PORT});`,
  "resets every connection": `http.createServer((q, s) => s.end()).on("connection", (c) => c.resetAndDestroy()).listen(${PORT});`,
  "breaks every request": `http.createServer((q) => q.socket.destroy()).listen(${PORT});`,
  "pauses every connection": `http.createServer((q, s) => s.end()).on("connection", (c) => { c.pause(); c.resume = () => c; c._handle.readStop(); c._handle.readStart = () => 0; }).listen(${PORT});`,
  "takes no connection": `const s = http.createServer((q, r) => r.end()); s.maxConnections = 0; s.dropMaxConnection = true; s.listen(${PORT}, () => s.on("connection", (c) => c.destroy()));`,
  "keeps the port with the server that only looked whether it is free": `net.createServer().listen(${PORT});`,
  "closes its server again": `const s = http.createServer((q, r) => r.end()).listen(${PORT}, () => s.close()); setInterval(() => undefined, 1000);`,
  "says that it listens without listening": `http.createServer((q, s) => s.end()).emit("listening"); setInterval(() => undefined, 1000);`,
  "listens on another port": `http.createServer((q, s) => s.end()).listen(0);`,
  "listens on a port of its own number": `http.createServer((q, s) => s.end()).listen(Number(${PORT}) + 1);`,
  "listens on a socket of the file system": `http.createServer((q, s) => s.end()).listen(process.env.INPLACE_SITE_ROOT + "/s");`,
  "listens for datagrams": `import dgram from "node:dgram"; dgram.createSocket("udp4").bind(Number(${PORT}));`,
  "never listens": `setInterval(() => undefined, 1000);`,
  "waits for input": `process.stdin.resume(); process.stdin.on("data", () => http.createServer((q, s) => s.end()).listen(${PORT}));`,
  "answers from a process that ends at once": `import { fork } from "node:child_process"; import { fileURLToPath } from "node:url"; if (process.argv[2]) http.createServer(() => undefined).listen(${PORT}, () => process.exit(0)); else { fork(fileURLToPath(import.meta.url), ["x"]); setInterval(() => undefined, 1000); }`,
  "hangs in a worker thread": `import { Worker, isMainThread } from "node:worker_threads"; if (isMainThread) new Worker(new URL(import.meta.url)); else http.createServer(() => undefined).listen(${PORT});`,
  "hangs in the worker of a cluster": `import cluster from "node:cluster"; if (cluster.isPrimary) cluster.fork(); else http.createServer(() => undefined).listen(${PORT});`,
  "is a cluster without workers": `import cluster from "node:cluster"; cluster.setupPrimary(); setInterval(() => cluster.isPrimary, 1000);`,
  "sends half a line": `net.createServer((c) => c.once("data", () => c.end())).on("connection", (c) => c.on("error", () => 0)).listen(${PORT}); process.nextTick(() => { for (;;); });`,
};

/** All of them together, on a machine that is busy with other things. */
const LOAD_MAX_MS = 500_000;

test("a release that every visitor would meet broken is never live, and costs no request", async (t) => {
  const site = await supervisedSite(
    t,
    { artifact: "app-1.mjs", content: app("1") },
    { readyMs: 1_500, probationMs: 0 },
  );
  const load = await startLoad({
    port: site.port,
    streams: [{ name: "visitors", perSecond: 50, connections: "fresh", expect: "x-version: 1" }],
    maxMs: LOAD_MAX_MS,
  });
  for (const [index, [how, source]] of Object.entries(BROKEN).entries()) {
    await t.test(`one that ${how}`, async () => {
      const { failed } = load.progress;
      const ended = await site.deploy(`broken-${index}.mjs`, HTTP + source);
      assert.equal(ended.result, "failed", JSON.stringify(ended));
      assert.match(await site.get(), /^1/);
      assert.equal(load.progress.failed, failed, "requests failed meanwhile");
    });
  }
  assertNoneFailed(await load.stop());
});

test("what a release that failed listened on is said", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") }, { readyMs: 1_500 });
  const elsewhere = `import http from "node:http";
const server = http.createServer((request, response) => response.end()).listen(0, () => console.log("at " + server.address().port));`;
  const ended = await site.deploy("app-2.mjs", elsewhere);
  assert.ok(ended.result === "failed");
  assert.match(ended.reason, /did not listen on PORT within 1500 ms/);
  const fixed = elsewhere.replace("listen(0", "listen(34567");
  const again = await site.deploy("app-3.mjs", fixed);
  assert.ok(again.result === "failed");
  assert.match(again.reason, /but on port 34567/);
});

test("an app that must not be asked is ready when it listens, if its configuration says so", async (t) => {
  const silent = (version: string): string =>
    app(version).replace(
      "createServer((request, response) => {",
      'createServer((request, response) => { if (request.headers["user-agent"] === "inplace-health") process.exit(3);',
    );
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: silent("1") }, { proof: "listen" });
  assert.equal((await site.deploy("app-2.mjs", silent("2"))).result, "live");
});
