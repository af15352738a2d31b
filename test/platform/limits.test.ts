import { equal, match, ok, rejects } from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { CLIENT_LIMITS } from "#src/platform/client-connection.js";
import { startPlatformHandler } from "#src/platform/handler.js";
import { temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { fetch } from "./fetch.js";
import { exchangeRaw, rawClient } from "./raw.js";
import { serveSite, writeSite } from "./site.js";

test("a client that sends its head drop by drop is answered with 408 when its time is over", async (t) => {
  const site = await serveSite(t);
  const client = rawClient(t, site.handler.port);
  client.send("GET / HTTP/1.1\r\n");
  const drops = setInterval(() => client.send("X: y\r\n"), 1_000);
  t.after(() => clearInterval(drops));
  await client.sees(/^HTTP\/1\.1 408 /, CLIENT_LIMITS.headMs + 10_000);
  await client.ends();
});

test("a body larger than the limit is answered with 413, by its length at once and in chunks when it is reached", async (t) => {
  const site = await serveSite(t, { maxBodyBytes: 1_000 });
  const head = "POST / HTTP/1.1\r\nHost: site\r\n";
  match(await exchangeRaw(t, site.handler.port, `${head}Content-Length: 1001\r\n\r\n`), /^HTTP\/1\.1 413 /);
  equal(site.count("backend-starting"), 0);
  const chunk = `1f4\r\n${"x".repeat(500)}\r\n`;
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}${chunk}0\r\n\r\n`;
  match(await exchangeRaw(t, site.handler.port, chunked), /^HTTP\/1\.1 413 /);
  equal((await fetch(site.url, { method: "POST", body: "x".repeat(1_000) })).status, 200);
});

test("connections beyond the limit are closed, those within it are served", async (t) => {
  const site = await serveSite(t, { maxConnections: 2 });
  const clients = [rawClient(t, site.handler.port), rawClient(t, site.handler.port)];
  for (const client of clients) {
    client.send("GET / HTTP/1.1\r\nHost: site\r\n\r\n");
    await client.sees(/200 OK/);
  }
  equal(await rawClient(t, site.handler.port).ends(), "");
  clients[0]?.socket.destroy();
  await until("a place is free", async () => {
    const client = rawClient(t, site.handler.port);
    client.send("GET / HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n");
    return (await client.ends()).startsWith("HTTP/1.1 200");
  });
});

test("files of the site root are never served by the handler itself", async (t) => {
  const site = await serveSite(t);
  await writeFile(join(site.layout.root, "secret.txt"), "top secret");
  for (const path of [
    "/web.config",
    "/secret.txt",
    "/..%2fweb.config",
    "/launch.sh",
    "/.inplace/history.jsonl",
  ]) {
    match(
      await exchangeRaw(t, site.handler.port, `GET ${path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n`),
      /pid \d+/,
    );
  }
});

test("it listens on localhost only, over IPv4 and IPv6", async (t) => {
  const site = await serveSite(t);
  ok(site.handler.urls.every((url) => /^http:\/\/(127\.0\.0\.1|\[::1\]):\d+$/.test(url)));
  match(
    await exchangeRaw(t, site.handler.port, "GET / HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n"),
    /200 OK/,
  );
});

test("a port that is taken is PORT_IN_USE, a missing web.config WEB_CONFIG_MISSING, and no process is left", async (t) => {
  const layout = await temporarySite(t);
  await rejects(startPlatformHandler({ siteRoot: layout.root, port: 0 }), { code: "WEB_CONFIG_MISSING" });
  await writeSite(layout);
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  await rejects(startPlatformHandler({ siteRoot: layout.root, port }), { code: "PORT_IN_USE", exitCode: 1 });
});
