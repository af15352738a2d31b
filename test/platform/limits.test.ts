import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { PlatformEvent } from "#src/events.js";
import { CLIENT_LIMITS } from "#src/platform/proxy/client-options.js";
import { startPlatformHandler } from "#src/platform/handler.js";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { OFTEN_MS, until } from "../rig/until.js";
import { publish } from "../watch/watched-site.js";
import { clock } from "./clock.js";
import { fetch } from "./fetch.js";
import { exchangeRaw, rawClient } from "./raw.js";
import { serveSite, writeSite } from "./site.js";

test("a client that sends its head drop by drop is answered with 408 when its time is over", async (t) => {
  const site = await serveSite(t);
  const passes = clock(t);
  const client = rawClient(t, site.handler.port);
  client.send("GET / HTTP/1.1\r\n");
  const drops = setInterval(() => client.send("X: y\r\n"), 10);
  t.after(() => clearInterval(drops));
  await until("half its time", () => client.socket.bytesWritten > 100);
  passes(CLIENT_LIMITS.headMs);
  await client.sees(/^HTTP\/1\.1 408 /);
  await client.ends();
});

test("ConnectionTimeout: who neither asks, sends nor reads is let go, and who waits for an answer that has begun is not", async (t) => {
  const path = join(await temporaryFolder(t), "access.log");
  const site = await serveSite(t, { accessLog: { path, format: "json" } });
  const passes = clock(t);
  const head = (line: string): string => `${line} HTTP/1.1\r\nHost: site\r\n`;
  const client = () => rawClient(t, site.handler.port);
  const [silent, asleep, stingy, deaf, patient] = [client(), client(), client(), client(), client()];
  asleep.send(`${head("GET /")}\r\n`);
  await asleep.sees(/pid \d+/);
  stingy.send(`${head("POST /")}Content-Length: 100\r\n\r\nhalf of it`);
  deaf.socket.pause();
  deaf.send(`${head("GET /large?bytes=50000000")}\r\n`);
  patient.send(`${head("GET /events")}\r\n`);
  await patient.sees(/data: first/);
  const logged = (): Promise<string> => readFile(path, "utf8").catch(() => "");
  // How much the kernel takes before it stands still is its own affair, so the clock goes forward until it has.
  const cut = async (): Promise<boolean> => {
    passes(CLIENT_LIMITS.idleMs);
    return /"target":"\/large.*"cut":true/.test(await logged());
  };
  await until("who does not read is cut", cut, 1_000 * CLIENT_LIMITS.idleMs, OFTEN_MS);
  equal(await silent.ends(), "");
  match(await asleep.ends(), /pid \d+\s*$/);
  equal(await stingy.ends(), "");
  deaf.socket.resume();
  ok((await deaf.ends()).length < 50_000_000);
  await fetch(`${site.url}/event`);
  await patient.sees(/data: next/);
  patient.socket.destroy();
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
  // The one that was refused while it waited for the start is not sent after all: the application would wait for its rest.
  await site.handler.stop();
  const exited = await site.nth("backend-exited", 1);
  ok(exited.type === "backend-exited");
  equal(exited.code, 0);
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
  await publish(layout, "untried.mjs", "setInterval(() => {}, 1000);");
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, "sites.json"), JSON.stringify({ sites: [{ root: layout.root }] }));
  for (const what of [{ siteRoot: layout.root }, { sites: join(folder, "sites.json") }]) {
    const told: string[] = [];
    const events = (event: PlatformEvent): void =>
      void told.push(event.type === "of-site" ? event.event.type : event.type);
    await rejects(startPlatformHandler({ ...what, port, events }), { code: "PORT_IN_USE", exitCode: 1 });
    deepEqual(told, [], "it starts nothing beside the processes of the handler that has the port");
  }
  const events: PlatformEvent[] = [];
  const handler = await startPlatformHandler({
    siteRoot: layout.root,
    port: 0,
    events: (event) => events.push(event),
  });
  t.after(() => handler.stop());
  await until("it is tried at once where the handler listens", () =>
    events.some(({ type }) => type === "backend-starting"),
  );
});
