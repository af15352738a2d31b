import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { writePointer } from "#src/site/pointer.js";
import type { SiteLayout } from "#src/site/layout.js";
import { until } from "../rig/until.js";
import { publish, stage } from "../watch/watched-site.js";
import { app, fetchText, launch, launchedSite, type Started } from "./launched-site.js";

const INSTANCES = 5;
const ROLLOUT_WITHIN_MS = 90_000;

test("five instances over one folder go to the new release one at a time", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const fleet = await startFleet(t, layout);
  await publish(layout, "app-2.mjs", app());
  assert.equal(await fleet.rollout("app-2.mjs"), 1, "so many were away at the same time");
  assert.ok(fleet.said().filter((line) => /waited \d+\.\d s for its turn$/.test(line)).length >= 3);
  await until("the last turn is ended", async () => (await turns(layout)).length === 0);
});

test("so they do when one is killed in its turn", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const fleet = await startFleet(t, layout);
  // Whoever has the turn drains until it is killed.
  for (const port of fleet.ports()) get({ host: "127.0.0.1", port, path: "/slow/3000" }).on("error", () => 0);
  await publish(layout, "app-2.mjs", app());
  const pid = await until("somebody has the turn", async () => {
    const text = await readFile(join(layout.turns, "turn-1"), "utf8").catch(() => "");
    return text === "" ? undefined : (JSON.parse(text) as { readonly pid: number }).pid;
  });
  process.kill(pid, "SIGKILL");
  assert.equal(await fleet.rollout("app-2.mjs"), 1, "so many were away at the same time");
});

test("a release that does not start takes one instance down to the last good one; the others stay", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const fleet = await startFleet(t, layout);
  await stage(layout, "app-2.mjs", "throw new Error('bad release');\n");
  await writePointer(layout, "app-2.mjs");
  await until(
    "the others stay",
    () => {
      return (
        fleet.said().filter((line) => /stays: the release failed elsewhere/.test(line)).length ===
        INSTANCES - 1
      );
    },
    ROLLOUT_WITHIN_MS,
  );
  assert.equal(fleet.exits(), 1);
  assert.deepEqual(await fleet.versions(), Array(INSTANCES).fill("app-1.mjs"));
});

test("an instance alone goes at once", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const running = launch(t, layout);
  await running.port();
  await publish(layout, "app-2.mjs", app());
  assert.equal(await running.exited, 0);
  assert.doesNotMatch(running.stderr(), /turn/);
  assert.deepEqual(await turns(layout), []);
});

interface Fleet {
  ports(): number[];
  /** What each answers, or the error's code. */
  versions(): Promise<string[]>;
  /** Looks until all answer with this release; gives how many were away at the same time, at most. */
  rollout(artifact: string): Promise<number>;
  said(): string[];
  exits(): number;
}

/** Instances that are launched again when they end, as a platform handler does. */
async function startFleet(t: TestContext, layout: SiteLayout): Promise<Fleet> {
  const launched: Started[] = [];
  const ports: (number | undefined)[] = [];
  let ended = 0;
  let over = false;
  t.after(() => (over = true));
  const run = async (slot: number): Promise<void> => {
    while (!over) {
      const instance = launch(t, layout);
      launched.push(instance);
      void instance.port().then((port) => (ports[slot] = port));
      await instance.exited;
      ports[slot] = undefined;
      if (!over) ended += 1;
    }
  };
  for (let slot = 0; slot < INSTANCES; slot++) void run(slot);
  const answer = async (slot: number): Promise<string> => {
    const port = ports[slot];
    if (port === undefined) return "away";
    return await fetchText(port).catch((error: unknown) => (error as NodeJS.ErrnoException).code ?? "failed");
  };
  const fleet: Fleet = {
    ports: () => ports.filter((port) => port !== undefined),
    versions: () => Promise.all(Array.from({ length: INSTANCES }, (_, slot) => answer(slot))),
    async rollout(artifact) {
      let mostAway = 0;
      await until(
        `all run ${artifact}`,
        async () => {
          const versions = await fleet.versions();
          mostAway = Math.max(mostAway, versions.filter((version) => !version.startsWith("app-")).length);
          return versions.every((version) => version === artifact);
        },
        ROLLOUT_WITHIN_MS,
      );
      return mostAway;
    },
    said: () => launched.flatMap((instance) => instance.stderr().split("\n")),
    exits: () => ended,
  };
  await until("all answer", async () => (await fleet.versions()).every((version) => version === "app-1.mjs"));
  await until("all are known to each other", async () => {
    return (await readdir(layout.instances).catch(() => [])).length === INSTANCES;
  });
  return fleet;
}

async function turns(layout: SiteLayout): Promise<string[]> {
  return await readdir(layout.turns).catch(() => []);
}
