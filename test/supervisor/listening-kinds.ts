const answer = (version: string): string =>
  `(request, response) => response.setHeader("x-version", ${JSON.stringify(version)}).end("ok")`;

/** Unchanged apps, by how they come to listen on PORT: everything a server can be asked is true for each of them. */
export const LISTENING_KINDS: Readonly<Record<string, (version: string) => string>> = {
  "looks whether the port is free, and listens when that server has closed": (version) => `
import net from "node:net";
import http from "node:http";
const probe = net.createServer().listen(process.env.PORT, () => probe.close(() => {
  http.createServer(${answer(version)}).listen(process.env.PORT);
}));`,
  "looks whether the port is free, and listens at once behind close()": (version) => `
import net from "node:net";
import http from "node:http";
const probe = net.createServer().listen(process.env.PORT, () => {
  probe.close();
  http.createServer(${answer(version)}).listen(process.env.PORT);
});`,
  "looks on every address whether the port is free": (version) => `
import net from "node:net";
import http from "node:http";
import { once } from "node:events";
for (const host of [undefined, "0.0.0.0", "127.0.0.1", "::1", "localhost"]) {
  const probe = net.createServer(() => undefined).listen({ port: Number(process.env.PORT), host });
  await once(probe, "listening");
  probe.close();
  await once(probe, "close");
}
http.createServer(${answer(version)}).listen(process.env.PORT);`,
  "looks by a connection whether the port is free": (version) => `
import net from "node:net";
import http from "node:http";
const taken = await new Promise((resolve) => {
  net.connect(process.env.PORT, "localhost").on("connect", () => resolve(true)).on("error", () => resolve(false));
});
if (taken) process.exit(3);
http.createServer(${answer(version)}).listen(process.env.PORT);`,
  "has a page up while it starts, which lets go of the port": (version) => `
import http from "node:http";
const page = http.createServer((request, response) => response.writeHead(503, { "x-version": "0" }).end("starting"));
page.listen(process.env.PORT, () => setTimeout(() => {
  page.close(() => http.createServer(${answer(version)}).listen(process.env.PORT));
  page.closeAllConnections();
}, 300));`,
  "closes its server and lets it listen again": (version) => `
import http from "node:http";
const server = http.createServer(${answer(version)});
server.listen(process.env.PORT, () => server.close(() => server.listen(process.env.PORT)));`,
  "listens with two servers, one an address": (version) => `
import http from "node:http";
import assert from "node:assert";
for (const host of ["127.0.0.1", "::1"]) {
  const server = http.createServer(${answer(version)});
  server.listen({ port: process.env.PORT, host }, () => {
    assert.equal(server.listening, true);
    assert.deepEqual(
      { ...server.address() },
      { address: host, family: host === "::1" ? "IPv6" : "IPv4", port: Number(process.env.PORT) },
    );
  });
}`,
  "asks its server for the address before it hears that it listens": (version) => `
import http from "node:http";
const server = http.createServer(${answer(version)}).listen(process.env.PORT);
if (server.address().port !== Number(process.env.PORT) || !server.listening) process.exit(4);`,
  "meets the port taken by a server of its own, says so, and waits for it": (version) => `
import http from "node:http";
const first = http.createServer(${answer(version)}).listen(process.env.PORT, () => {
  const second = http.createServer(${answer(version)});
  second.on("error", ({ code, syscall, port }) => {
    if (code !== "EADDRINUSE" || syscall !== "listen" || port !== Number(process.env.PORT)) process.exit(5);
    first.close(() => second.listen(process.env.PORT));
    first.closeAllConnections();
  });
  second.listen(process.env.PORT);
});`,
  "listens in a worker thread": (version) => `
import http from "node:http";
import { Worker, isMainThread } from "node:worker_threads";
if (isMainThread) new Worker(new URL(import.meta.url));
else http.createServer(${answer(version)}).listen(process.env.PORT);`,
  "listens in a process that it forks": (version) => `
import http from "node:http";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
if (process.argv[2] !== "child") fork(fileURLToPath(import.meta.url), ["child"]);
else http.createServer(${answer(version)}).listen(process.env.PORT);`,
  "has a helper that it forks, which keeps its channel and never listens": (version) => `
import http from "node:http";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
if (process.argv[2] === "helper") process.on("message", (n) => process.send(n * 2));
else {
  const helper = fork(fileURLToPath(import.meta.url), ["helper"]);
  helper.on("exit", () => process.exit(6));
  http.createServer((request, response) => {
    helper.once("message", (n) => response.setHeader("x-version", ${JSON.stringify(version)}).end(n === 42 ? "ok" : "no"));
    helper.send(21);
  }).listen(process.env.PORT);
}`,
  "closes a channel that it takes for its parent's": (version) => `
import http from "node:http";
process.disconnect?.();
http.createServer(${answer(version)}).listen(process.env.PORT);`,
  "forks children that disconnect and go on": (version) => `
import http from "node:http";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
if (process.argv[2] === "job") { process.disconnect(); setTimeout(() => process.exit(0), 100); }
else {
  const job = fork(fileURLToPath(import.meta.url), ["job"]);
  job.on("exit", (code) => http.createServer(${answer(version)}).listen(code === 0 ? process.env.PORT : 0));
}`,
  ...Object.fromEntries(
    ["SCHED_RR", "SCHED_NONE"].map((policy) => [
      `is a cluster (${policy})`,
      (version: string) => `
import cluster from "node:cluster";
import http from "node:http";
cluster.schedulingPolicy = cluster.${policy};
if (cluster.isPrimary) for (let i = 0; i < 2; i++) cluster.fork();
else http.createServer(${answer(version)}).listen(process.env.PORT);`,
    ]),
  ),
  "is a cluster whose workers ask for a port of their own": (version) => `
import cluster from "node:cluster";
import http from "node:http";
if (cluster.isPrimary) cluster.fork();
else http.createServer(${answer(version)}).listen({ port: process.env.PORT, exclusive: true });`,
};
