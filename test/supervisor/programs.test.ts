import assert from "node:assert/strict";
import { once } from "node:events";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad } from "../rig/load.js";
import { until } from "../rig/until.js";
import { app, supervisedSite, type SupervisedSite } from "./supervised-site.js";

/** A program without extension that knows nothing of us: whatever interprets it, the supervisor only sees a program. */
function program(version: string): string {
  return `#!${process.execPath}\n${commonJs(app(version))}`;
}

/** Takes the listening socket that it inherited, as sd_listen_fds(3) describes, and drains on SIGTERM. */
function activated(version: string): string {
  const serving = commonJs(app(version)).replace(
    ".listen(process.env.PORT)",
    `.listen({ fd: 3 });
if (process.env.LISTEN_PID !== String(process.pid) || process.env.LISTEN_FDS !== "1") process.exit(6);
process.on("SIGTERM", () => server.close(() => process.exit(0)))`,
  );
  return `#!${process.execPath}\n${serving.replace("createServer((", "const server = createServer((")}`;
}

function commonJs(source: string): string {
  return source.replace(/import (\{.*?\}) from "node:http";/, 'const $1 = require("node:http");');
}

/** A request that the app has, and whose body it waits for. */
async function halfSent({ port }: SupervisedSite): Promise<ClientRequest> {
  const headers = { "Content-Length": 2, Expect: "100-continue" };
  const sent = request({ host: "127.0.0.1", port, method: "POST", agent: false, headers });
  sent.flushHeaders();
  await once(sent, "continue");
  sent.write("a");
  return sent;
}

const STREAMS = [
  { name: "one connection per request", perSecond: 100, connections: "fresh" },
  { name: "slow", perSecond: 10, connections: "fresh", path: "/slow" },
] as const;
const KEPT = [
  { name: "keep-alive", perSecond: 100, connections: 8 },
  { name: "bodies in two halves", perSecond: 20, connections: 4, halvesApartMs: 20, expect: " 24$" },
] as const;

if (process.platform !== "win32") {
  test("a program that only knows a port is swapped without a lost request", async (t) => {
    const site = await supervisedSite(t, { artifact: "app-1", content: program("1") });
    const load = await startLoad({
      port: site.port,
      streams: [...STREAMS, ...KEPT],
      version: "x-version: (.)",
    });
    for (const version of ["2", "3"]) {
      const ended = await site.deploy(`app-${version}`, program(version));
      assert.equal(ended.result, "live");
      // Nobody sees its requests: then none are spoken of.
      assert.equal(ended.swap?.requests, undefined);
      await load.until((progress) => progress.version === version, `answers by ${version}`);
    }
    assertNoneFailed(await load.stop());
  });

  test("a program that takes an inherited socket is swapped without a lost request", async (t) => {
    const site = await supervisedSite(
      t,
      { artifact: "app-1", content: activated("1") },
      { socket: "inherit" },
    );
    const load = await startLoad({ port: site.port, streams: STREAMS, version: "x-version: (.)" });
    for (const version of ["2", "3"]) {
      const ended = await site.deploy(`app-${version}`, activated(version));
      assert.equal(ended.result, "live");
      // Nobody sees its requests: then none are spoken of.
      assert.equal(ended.swap?.requests, undefined);
      await load.until((progress) => progress.version === version, `answers by ${version}`);
    }
    assertNoneFailed(await load.stop());
  });

  for (const [how, artifact, content, front] of [
    ["a program's private port", "app", program, "held"],
    ["a spliced front", "app.mjs", app, "spliced"],
  ] as const) {
    test(`connections that break behind ${how} during a rollout are counted`, async (t) => {
      const breaking = (version: string): string =>
        content(version).replace("process.exit(9)", "request.socket.resetAndDestroy()");
      const first = { artifact: `1-${artifact}`, content: breaking("1") };
      const site = await supervisedSite(t, first, { front });
      // A rollout lasts for as long as the old release has somebody to answer.
      const visitor = await halfSent(site);
      const answered = once(visitor, "response") as Promise<[IncomingMessage]>;
      const ended = site.deploy(`2-${artifact}`, breaking("2"));
      await until("the switch", async () => (await site.get()).startsWith("2"));
      await assert.rejects(site.get("/crash"));
      visitor.end("b");
      assert.equal(await text((await answered)[0]), "1 2");
      const { result, swap } = (await ended) as Extract<Awaited<typeof ended>, { result: "live" }>;
      assert.deepEqual([result, swap?.reset, swap?.cut], ["live", 1, 0]);
    });
  }

  for (const socket of ["private-port", "inherit"] as const) {
    test(`a program that fails leaves the old one serving (${socket})`, async (t) => {
      const content = socket === "inherit" ? activated("1") : program("1");
      const site = await supervisedSite(t, { artifact: "app-1", content }, { socket });
      const ended = await site.deploy("app-2", "#!/bin/sh\nexit 3\n");
      assert.equal(ended.result, "failed");
      assert.match(await site.get(), /^1/);
    });
  }
}
