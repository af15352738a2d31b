// A process that closes its port and lives on serves nobody: on probation it has failed, later another takes its place.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { InplaceEvent } from "#src/events.js";
import { until } from "../rig/until.js";
import { app, supervisedSite } from "./supervised-site.js";

/** An ordinary app whose server is kept as `server`. */
const kept = (version: string, after: string): string =>
  app(version).replace("createServer(", "globalThis.server = createServer(") +
  `\nconst close = () => { server.close(); server.closeAllConnections(); setInterval(() => {}, 1000); };\n${after}`;
const CLOSING = [
  ["half a second after it listened", kept("2", "setTimeout(close, 500);")],
  ["at its first visitor", kept("2", 'server.on("request", (q) => q.headers["x-visitor"] && close());')],
  [
    "of a process that it started",
    `import { fork } from "node:child_process"; import { fileURLToPath } from "node:url";
if (process.argv[2] === "child") { ${kept("2", "setTimeout(close, 500);").replace(/import .*\n/, "")} }
else { fork(fileURLToPath(import.meta.url), ["child"]); setInterval(() => {}, 1000); }`.replace(
      /^/,
      'import { createServer } from "node:http";\n',
    ),
  ],
] as const;

test(
  "a release that closes its port on probation has failed, and the one before serves on",
  { concurrency: true },
  async (t) => {
    const each = CLOSING.map(([what, source]) =>
      t.test(what, async (sub) => {
        const site = await supervisedSite(
          sub,
          { artifact: "app-1.mjs", content: app("1") },
          { probationMs: 15_000 },
        );
        const outcome = site.deploy("app-2.mjs", source);
        await until("it is switched to", () => site.events.some(isSwitchTo("app-2.mjs")));
        const headers = { connection: "close", "x-visitor": "1" };
        const visit = fetch(`http://127.0.0.1:${site.port}`, { headers }).catch(() => undefined);
        const later = setTimeout(() => void site.get().catch(() => undefined), 1_000);
        const ended = await outcome;
        clearTimeout(later);
        assert.ok(ended.result === "failed", JSON.stringify(ended));
        assert.match(ended.reason, /closed its port/);
        assert.match(await site.get(), /^1/);
        await visit;
      }),
    );
    await Promise.all(each);
  },
);

const isSwitchTo = (artifact: string) => (event: InplaceEvent) =>
  event.type === "release-switched" && event.artifact === artifact;

test(
  "a live process that closes its port is replaced, and one that opens it again goes on",
  { concurrency: true },
  async (t) => {
    const replaced = t.test("closed", async (sub) => {
      const content = kept("1", 'server.on("request", (q) => q.url === "/close" && close());');
      const site = await supervisedSite(sub, { artifact: "app-1.mjs", content });
      const pid = await site.get("/pid");
      await site.get("/close").catch(() => undefined);
      await until("another process serves", async () => (await site.get("/pid")) !== pid);
    });
    const reopened = t.test("opened again", async (sub) => {
      const again =
        "const again = () => { server.close(); setTimeout(() => server.listen(process.env.PORT), 1500); };";
      const content = kept("1", `${again} server.on("request", (q) => q.url === "/again" && again());`);
      const site = await supervisedSite(sub, { artifact: "app-1.mjs", content });
      const pid = await site.get("/pid");
      await site.get("/again");
      assert.equal(await site.get("/pid"), pid, "whoever comes meanwhile waits");
      assert.ok(!site.events.some(({ type }) => type === "worker-died"));
    });
    await Promise.all([replaced, reopened]);
  },
);
