import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad } from "../rig/load.js";
import { LISTENING_KINDS } from "./listening-kinds.js";
import { supervisedSite } from "./supervised-site.js";

const STREAMS = [
  { name: "one connection per request", perSecond: 80, connections: "fresh" },
  { name: "keep-alive", perSecond: 80, connections: 4 },
] as const;

/** All kinds together, on a machine that is busy with other things. */
const LOAD_MAX_MS = 500_000;

test("apps are swapped without a lost request, however they come to listen", async (t) => {
  const first = LISTENING_KINDS["looks whether the port is free, and listens when that server has closed"];
  assert.ok(first !== undefined);
  const site = await supervisedSite(
    t,
    { artifact: "first.mjs", content: first("first") },
    { readyMs: 15_000 },
  );
  const load = await startLoad({
    port: site.port,
    streams: STREAMS,
    version: "x-version: (\\S+)",
    maxMs: LOAD_MAX_MS,
  });
  for (const [index, [how, app]] of Object.entries(LISTENING_KINDS).entries()) {
    // Beside an app of another kind, then beside one of its own.
    await t.test(`an app that ${how}`, async () => {
      const { failed } = load.progress;
      for (const release of [1, 2]) {
        const version = `${index}.${release}`;
        const ended = await site.deploy(`app-${version}.mjs`, app(version));
        assert.equal(ended.result, "live", JSON.stringify(ended));
        await load.until((progress) => progress.version === version, `answers by ${version}`);
      }
      assert.equal(load.progress.failed, failed, "requests failed meanwhile");
    });
  }
  assertNoneFailed(await load.stop());
});

test("a visitor's address reaches the app, also in the worker of a cluster", async (t) => {
  const cluster = `
import cluster from "node:cluster";
import http from "node:http";
if (cluster.isPrimary) cluster.fork();
else http.createServer((request, response) => response.end(String(request.socket.remotePort))).listen(process.env.PORT);`;
  const single = `
import http from "node:http";
http.createServer((request, response) => response.end(String(request.socket.remotePort))).listen(process.env.PORT);`;
  for (const [artifact, content] of [
    ["cluster.mjs", cluster],
    ["single.mjs", single],
  ] as const) {
    const site = await supervisedSite(t, { artifact, content });
    const socket = connect(site.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write("GET / HTTP/1.0\r\n\r\n");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    const { localPort } = socket;
    await once(socket, "close");
    assert.match(Buffer.concat(chunks).toString(), new RegExp(`\r\n\r\n${localPort}$`), artifact);
  }
});
