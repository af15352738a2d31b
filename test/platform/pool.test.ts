// A backend may allow fewer connections than the handler could keep: idle ones never pile up.
import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { unlessInstalled } from "../rig/installed.js";
import { fetch } from "./fetch.js";
import { serveSite } from "./site.js";

const REQUESTS = 300;

/** Promises no keep-alive time and allows 10 connections, and tells the most that it has seen. */
const NODE = `exec "${process.execPath}" -e '
const server = require("node:http").createServer((request, response) => {
  request.resume().on("end", () => server.getConnections((_, n) => response.end(String(n))));
});
server.keepAliveTimeout = 0;
server.maxConnections = 10;
server.listen(process.env.PORT, "127.0.0.1");
'`;

const WAITRESS = `exec /usr/bin/python3 -c '
import os
from waitress import serve
def app(environ, start):
    environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"1"]
serve(app, host="127.0.0.1", port=int(os.environ["PORT"]), connection_limit=10)
'`;

for (const [what, program, skip] of [
  ["a Node app", NODE, { skip: process.platform === "win32" && "a shell script" }],
  ["waitress", WAITRESS, unlessInstalled("waitress-serve")],
] as const) {
  test(
    `${what} with ten connections answers every one of ${REQUESTS} POSTs, with GETs between them`,
    skip,
    async (t) => {
      const site = await serveSite(t, { program });
      const statuses = new Map<number, number>();
      let most = 0;
      for (let n = 0; n < REQUESTS; n += 3) {
        const body = { method: "POST", body: "x" };
        const answers = await Promise.all([
          fetch(site.url),
          fetch(site.url, body),
          fetch(site.url, body),
          fetch(site.url, body),
        ]);
        for (const answer of answers) {
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
          most = Math.max(most, Number(await answer.text()));
        }
      }
      deepEqual([...statuses.keys()], [200]);
      t.diagnostic(`at most ${most} connections`);
      ok(most <= 10);
    },
  );
}
