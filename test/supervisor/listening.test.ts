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

for (const [how, app] of Object.entries(LISTENING_KINDS)) {
  test(`an app that ${how} is swapped without a lost request`, async (t) => {
    const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") }, { readyMs: 15_000 });
    const load = await startLoad({ port: site.port, streams: STREAMS, version: "x-version: (.)" });
    for (const version of ["2", "3"]) {
      const ended = await site.deploy(`app-${version}.mjs`, app(version));
      assert.equal(ended.result, "live", JSON.stringify(ended));
      await load.until((progress) => progress.version === version, `answers by ${version}`);
    }
    assertNoneFailed(await load.stop());
  });
}

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
