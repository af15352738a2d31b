// What IIS does while an application swaps, so that people can see what their users would see.
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { listFailed, readLastGood } from "#src/site/health-marks.js";
import { until } from "../rig/until.js";
import { fetch } from "./fetch.js";
import { publish } from "../watch/watched-site.js";
import { NODE_APP, releasedSite } from "./released-site.js";
import { serveSite, writeSite } from "./site.js";

test("--strict-iis: while the old process drains new connections get 502.3 at once, and its exit ends that", async (t) => {
  const site = await serveSite(t, { strict: true });
  const first = await fetch(site.url);
  const waiting = fetch(`${site.url}/wait`);
  await until(
    "one request is under way",
    async () => (await (await fetch(`${site.url}/pending`)).text()) === "1",
  );
  await fetch(`${site.url}/drain`);
  const refused = await until("a new connection is refused", async () => {
    const response = await fetch(site.url);
    return response.status === 502 && response;
  });
  match(await refused.text(), /502\.3[\s\S]*ECONNREFUSED/);
  process.kill(Number(first.headers.get("x-pid")), "SIGKILL");
  equal((await waiting).status, 502);
  await site.nth("backend-exited", 1);
  equal(site.count("backend-starting"), 1, "IIS starts nothing before the next request");
  const next = await fetch(site.url);
  equal(next.status, 200);
  notEqual(next.headers.get("x-pid"), first.headers.get("x-pid"));
});

test("--strict-iis: an exit with 0 counts as a rapid fail, so deployments use up the limit; by default they do not", async (t) => {
  for (const strict of [true, false]) {
    const site = await serveSite(t, { strict, attributes: 'rapidFailsPerMinute="1"' });
    for (let n = 1; n <= 2; n += 1) {
      equal((await fetch(`${site.url}/drain`)).status, 200);
      await site.nth("backend-exited", n);
    }
    equal((await fetch(site.url)).status, strict ? 502 : 200);
  }
});

test("--strict-iis: X-Forwarded-For has the client's port", async (t) => {
  const site = await serveSite(t, { strict: true });
  const headers = (await (await fetch(`${site.url}/headers`)).json()) as Record<string, string>;
  match(headers["x-forwarded-for"] ?? "", /^127\.0\.0\.1:\d+$/);
});

test("--strict-iis: requests that meet a starting process are held, as IIS holds them", async (t) => {
  const site = await serveSite(t, { strict: true });
  const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(site.url)));
  deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
});

test("--strict-iis: what is lost with its process or its connection gets 502.3, also what could be sent again", async (t) => {
  const site = await serveSite(t, { strict: true });
  for (const path of ["/reset", "/crash"]) {
    const response = await fetch(`${site.url}${path}`);
    equal(response.status, 502);
    match(await response.text(), /502\.3[\s\S]*closed the connection without an answer/);
  }
});

test("--strict-iis: a request goes over no idle connection that the process has not promised to keep", async (t) => {
  for (const [keepAliveMs, connections] of [
    [5_000, 1],
    [0, 2],
  ]) {
    const program = `exec "${process.execPath}" -e '
const server = require("node:http").createServer((request, response) => response.end(String(request.socket.remotePort)));
server.keepAliveTimeout = ${keepAliveMs};
server.listen(process.env.PORT, "127.0.0.1");
'`;
    const site = await serveSite(t, { strict: true, program });
    const ports = [await (await fetch(site.url)).text(), await (await fetch(site.url)).text()];
    equal(new Set(ports).size, connections);
  }
});

test("--strict-iis: app_offline.htm and a changed web.config do as they do by default", async (t) => {
  const site = await serveSite(t, { strict: true });
  const before = (await fetch(site.url)).headers.get("x-pid");
  await writeSite(site.layout, 'arguments="changed"');
  await site.nth("backend-exited", 1);
  notEqual((await fetch(site.url)).headers.get("x-pid"), before);
  await writeFile(site.layout.appOffline, "away");
  await site.nth("backend-exited", 2);
  equal(await (await fetch(site.url)).text(), "away");
});

test("by default the same drain fails nobody: requests wait for the next process", async (t) => {
  const site = await serveSite(t);
  await fetch(site.url);
  const waiting = fetch(`${site.url}/wait`);
  await until(
    "one request is under way",
    async () => (await (await fetch(`${site.url}/pending`)).text()) === "1",
  );
  await fetch(`${site.url}/drain`);
  const held = [fetch(site.url), fetch(site.url, { method: "POST", body: "x" })];
  await site.nth("backend-draining", 1);
  const pid = site.events.find((event) => event.type === "backend-ready")?.pid;
  // The last request inside the old process: its answer lets it end.
  process.kill(Number(pid), "SIGUSR2");
  equal((await waiting).status, 200);
  for (const answer of await Promise.all(held)) equal(answer.status, 200);
});

test("requests beyond the limit of the hold get 503 with Retry-After, and those that wait too long too", async (t) => {
  const site = await serveSite(t, { program: "sleep 30", hold: { requests: 2, timeMs: 2_000 } });
  const answers = await Promise.all([fetch(site.url), fetch(site.url), fetch(site.url)]);
  for (const answer of answers) {
    equal(answer.status, 503);
    equal(answer.headers.get("retry-after"), "1");
  }
  const reasons = await Promise.all(answers.map((answer) => answer.text()));
  equal(reasons.filter((reason) => reason.includes("Too many requests wait")).length, 1);
  equal(reasons.filter((reason) => reason.includes("did not become ready in time")).length, 2);
});

const HANGS = [
  ["waits for something", "setInterval(() => {}, 1000);"],
  ["never comes to an end of its own code", "for (;;);"],
  [
    "listens where the module does not look",
    'import http from "node:http"; http.createServer((request, response) => response.end("never asked")).listen(Number(process.env.PORT), "127.0.0.2");',
  ],
] as const;

test(
  "--strict-iis: of a release that never serves the module ends one process, and the same request gets the last good one",
  { concurrency: true },
  async (t) => {
    const each = HANGS.map(([what, hangs]) =>
      t.test(`it ${what}`, async (sub) => {
        const site = await releasedSite(sub, "app-0.mjs", NODE_APP, {
          strict: true,
          // Long enough for the release to get as far as that on a loaded machine.
          attributes: 'startupTimeLimit="8"',
        });
        match(await (await fetch(site.url)).text(), /^version app-0/);
        await until("it is the last good one", async () => (await readLastGood(site.layout)) === "app-0.mjs");
        await publish(site.layout, "app-1.mjs", hangs);
        await site.nth("backend-exited", 1);
        match(await (await fetch(site.url)).text(), /^version app-0/);
        equal(site.all("backend-start-failed").length, 1);
        equal(await readLastGood(site.layout), "app-0.mjs");
        const failed = await listFailed(site.layout);
        deepEqual(
          failed.map(({ artifact }) => artifact),
          ["app-1.mjs"],
        );
      }),
    );
    await Promise.all(each);
  },
);
