import assert from "node:assert/strict";
import { test } from "node:test";
import { PROBE_AGENT } from "#src/process/worker-messages.js";
import { readHistory } from "#src/site/history.js";
import { readLastGood } from "#src/site/health-marks.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad, type LoadStream } from "../rig/load.js";
import { TEST_TLS } from "../platform/tls-certificate.js";
import { app, supervisedSite } from "./supervised-site.js";

const STREAMS: readonly LoadStream[] = [
  { name: "one connection per request", perSecond: 100, connections: "fresh" },
  { name: "keep-alive", perSecond: 200, connections: 16 },
  { name: "bodies in two halves", perSecond: 50, connections: 8, halvesApartMs: 20, expect: " 24$" },
  { name: "500 ms responses", perSecond: 20, connections: "fresh", path: "/slow" },
];
const VERSION = "x-version: (\\S+)";

for (const front of ["held", "spliced"] as const) {
  test(`swaps under load lose nothing with a ${front} socket`, async (t) => {
    const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") }, { front });
    const load = await startLoad({ port: site.port, streams: STREAMS, version: VERSION });
    for (const version of ["2", "3", "4"]) {
      const ended = await site.deploy(`app-${version}.mjs`, app(version));
      assert.equal(ended.result, "live");
      await load.until((progress) => progress.version === version, `answers by ${version}`);
    }
    assertNoneFailed(await load.stop());
    assert.equal(await readLastGood(site.layout), "app-4.mjs");
    const { records } = await readHistory(site.layout);
    const live = records.filter(({ event }) => event === "live").map(({ artifact }) => artifact);
    assert.deepEqual(live, ["app-1.mjs", "app-2.mjs", "app-3.mjs", "app-4.mjs"]);
  });
}

test("swaps of an app over TLS lose nothing, and its first visitor does not pay for the first handshakes", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: secureApp("1") });
  const streams = STREAMS.slice(0, 2).map((each) => ({
    ...each,
    tls: true,
    expect: "handshakes before: [4-9]",
  }));
  const load = await startLoad({ port: site.port, streams, version: VERSION });
  for (const version of ["2", "3"]) {
    const ended = await site.deploy(`app-${version}.mjs`, secureApp(version));
    assert.equal(ended.result, "live");
    await load.until((progress) => progress.version === version, `answers by ${version}`);
  }
  assertNoneFailed(await load.stop());
});

/** Source of an app over TLS that tells how many handshakes there were before that of its first visitor. */
function secureApp(version: string): string {
  const secure = { cert: String(TEST_TLS.cert), key: String(TEST_TLS.key) };
  return `
import { createServer } from "node:https";
let handshakes = 0, before;
createServer(${JSON.stringify(secure)}, (request, response) => {
  if (request.headers["user-agent"] !== ${JSON.stringify(PROBE_AGENT)}) before ??= handshakes - 1;
  response.setHeader("x-version", ${JSON.stringify(version)});
  response.end("handshakes before: " + before);
}).on("secureConnection", () => (handshakes += 1)).listen(process.env.PORT);
`;
}

test("what a swap cost is told", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") });
  const load = await startLoad({ port: site.port, streams: STREAMS, version: VERSION });
  await load.until(({ done }) => done > 100, "a hundred answers");
  const ended = await site.deploy("app-2.mjs", app("2"));
  assertNoneFailed(await load.stop());
  assert.ok(ended.result === "live" && ended.swap !== undefined);
  const { swap } = ended;
  assert.equal(swap.previous, "app-1.mjs");
  assert.deepEqual([swap.cut, swap.reset], [0, 0]);
  assert.equal(swap.lostWorkers, 0);
  assert.ok((swap.requests ?? 0) > 50, `${swap.requests} requests`);
  assert.ok((swap.firstRequestAfterMs ?? Infinity) >= swap.readyAfterMs);
  assert.ok((swap.drainedAfterMs ?? -1) >= swap.switchedAfterMs);
  const { records } = await readHistory(site.layout);
  const live = records.findLast(({ event }) => event === "live");
  assert.deepEqual(live?.swap, swap);
  assert.equal(Date.parse(live?.at ?? ""), Date.parse(swap.startedAt) + swap.switchedAfterMs);
});
