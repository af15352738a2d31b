import { equal, match } from "node:assert/strict";
import { test } from "node:test";
import { Exchange } from "#src/platform/exchange.js";
import { ResponseReader } from "#src/platform/response-reader.js";
import { Site } from "#src/platform/site.js";
import { fetch } from "./fetch.js";
import { exchangeRaw, rawClient } from "./raw.js";
import { serveSite } from "./site.js";

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: site\r\n\r\n`;

test("what throws while a request is read costs that connection: 500, its stack in the log, and others are served", async (t) => {
  const site = await serveSite(t);
  const { route } = Site.prototype;
  t.mock.method(Site.prototype, "route", function (this: Site, exchange: Exchange) {
    if (exchange.head.target === "/defect") throw new Error("a defect on purpose");
    route.call(this, exchange);
  });
  const other = rawClient(t, site.handler.port);
  other.send(request("/events"));
  await other.sees(/data: first/);
  const answer = await exchangeRaw(t, site.handler.port, request("/defect"));
  match(answer, /^HTTP\/1\.1 500 [\s\S]*\r\nConnection: close\r\n/);
  equal(answer.includes("on purpose"), false);
  const told = await site.nth("defect-contained", 1);
  match(told.type === "defect-contained" ? told.stack : "", /a defect on purpose\n\s+at /);
  await fetch(`${site.url}/event`);
  await other.sees(/data: next/);
  other.socket.destroy();
});

test("what throws while an answer is read costs that request: 500 before the answer has begun, a cut behind that", async (t) => {
  const site = await serveSite(t);
  equal((await fetch(site.url)).status, 200);
  const { read } = ResponseReader.prototype;
  t.mock.method(ResponseReader.prototype, "read", function (this: ResponseReader, chunk: Buffer) {
    if (chunk.includes("hinted") || chunk.includes("data: next")) throw new Error("a defect on purpose");
    read.call(this, chunk);
  });
  const begun = rawClient(t, site.handler.port);
  begun.send(request("/events"));
  await begun.sees(/data: first/);
  match(await exchangeRaw(t, site.handler.port, request("/hints")), /HTTP\/1\.1 500 /);
  equal((await fetch(`${site.url}/event`)).status, 200);
  match(await begun.ends(), /data: first\n\n\r\n$/);
  equal((await fetch(site.url)).status, 200);
  equal(site.count("defect-contained"), 2);
});

test("what throws in a timer costs the request that it was for", async (t) => {
  const site = await serveSite(t, { program: "sleep 600", hold: { timeMs: 100 } });
  const { fail } = Exchange.prototype;
  let thrown = 0;
  t.mock.method(Exchange.prototype, "fail", function (this: Exchange, ...args: Parameters<typeof fail>) {
    if (this.head.target === "/defect" && (thrown += 1) === 1) throw new Error("a defect on purpose");
    fail.apply(this, args);
  });
  const [hit, other] = [rawClient(t, site.handler.port), rawClient(t, site.handler.port)];
  hit.send(request("/defect"));
  other.send(request("/"));
  await hit.sees(/^HTTP\/1\.1 500 /);
  await other.sees(/^HTTP\/1\.1 503 /);
});
