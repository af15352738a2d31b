// A release that dies soon after its first answers is no good one, whoever runs its launcher.
import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { isMarkedFailed, listFailed, readLastGood } from "#src/site/health-marks.js";
import { until } from "../rig/until.js";
import { publish } from "../watch/watched-site.js";
import { fetch } from "./fetch.js";
import { NODE_APP, releasedSite } from "./released-site.js";

const dying = (after: string): string => `${NODE_APP}\n${after}`;
const onRequest = 'import http from "node:http";\n';
const DEATHS = [
  [
    "strict",
    "throws at its first request",
    `${onRequest}http.createServer(() => { throw new Error("x"); }).listen(process.env.PORT);`,
  ],
  [
    "strict",
    "ends at its first request",
    `${onRequest}http.createServer(() => process.exit(3)).listen(process.env.PORT);`,
  ],
  ["default", "dies half a second after it listened", dying("setTimeout(() => process.exit(1), 500);")],
  ["default", "dies after a second", dying("setTimeout(() => process.abort(), 1000);")],
] as const;

test(
  "a release that dies before it has stayed up is marked failed, and stays so",
  { concurrency: true },
  async (t) => {
    const each = DEATHS.map(([mode, what, source]) =>
      t.test(`${mode}: it ${what}`, async (sub) => {
        const site = await releasedSite(sub, "app-0.mjs", NODE_APP, { strict: mode === "strict" });
        match(await (await fetch(site.url)).text(), /^version app-0/);
        await site.nth("artifact-live", 1);
        await publish(site.layout, "app-1.mjs", source);
        await until("it has failed", async () => {
          await fetch(site.url).catch(() => undefined);
          return await isMarkedFailed(site.layout, "app-1.mjs");
        });
        await site.nth("artifact-live", 2);
        deepEqual(new Set(site.all("artifact-live").map(({ artifact }) => artifact)), new Set(["app-0.mjs"]));
        equal(await readLastGood(site.layout), "app-0.mjs");
        deepEqual(
          (await listFailed(site.layout)).map(({ artifact }) => artifact),
          ["app-1.mjs"],
        );
        await until("the one before serves on", async () =>
          (await (await fetch(site.url)).text()).startsWith("version app-0"),
        );
      }),
    );
    await Promise.all(each);
  },
);
