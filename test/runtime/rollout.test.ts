import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { WatchEvent } from "#src/events.js";
import { Rollout } from "#src/runtime/rollout.js";
import { clearFailed, markFailed } from "#src/site/health-marks.js";
import { joinInstances } from "#src/site/instances.js";
import { thisProcess } from "#src/site/owned-file.js";
import { writePointer } from "#src/site/pointer.js";
import type { SiteLayout } from "#src/site/layout.js";
import { temporarySite } from "../rig/temporary-site.js";
import { OFTEN_MS, until } from "../rig/until.js";
import { publish, stage } from "../watch/watched-site.js";
import { app, fetchText, launch, launchedSite, type Started } from "./launched-site.js";

const INSTANCES = 5;
const ROLLOUT_WITHIN_MS = 90_000;
/** Says when it is up and when it begins to go, by the one clock that all instances have. */
const INSTANCE = app(`
server.on("listening", () => console.log("up at " + Date.now()));
server.once("draining", () => console.log("away at " + Date.now()));
`);

test("five instances over one folder go to the new release one at a time", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", INSTANCE);
  const fleet = await startFleet(t, layout);
  await publish(layout, "app-2.mjs", INSTANCE);
  assert.equal(await fleet.rollout("app-2.mjs"), 1, "so many were away at the same time");
  assert.ok(
    fleet
      .said()
      .flat()
      .filter((line) => /waited \d+\.\d s for its turn$/.test(line)).length >= 3,
  );
  await until("the last turn is ended", async () => (await turns(layout)).length === 0);
});

test("so they do when one is killed in its turn", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", INSTANCE);
  const fleet = await startFleet(t, layout);
  // Whoever has the turn drains until it is killed.
  for (const port of fleet.ports()) get({ host: "127.0.0.1", port, path: "/slow/3000" }).on("error", () => 0);
  await publish(layout, "app-2.mjs", INSTANCE);
  const owner = async (): Promise<number | undefined> => {
    const text = await readFile(join(layout.turns, "turn-1"), "utf8").catch(() => "");
    return text === "" ? undefined : (JSON.parse(text) as { readonly pid: number }).pid;
  };
  const pid = await until("somebody has the turn", owner, undefined, OFTEN_MS);
  process.kill(pid, "SIGKILL");
  assert.equal(await fleet.rollout("app-2.mjs"), 1, "so many were away at the same time");
});

test("a release that does not start takes one instance down to the last good one; the others stay", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const fleet = await startFleet(t, layout);
  await stage(layout, "app-2.mjs", "throw new Error('bad release');\n");
  await writePointer(layout, "app-2.mjs");
  // Who looks later finds it marked.
  const stays = (line: string): boolean =>
    /stays: the release failed elsewhere|app-2\.mjs is marked failed and not taken/.test(line);
  await until(
    () => `the others stay; they said ${fleet.said().flat().join("\n")}`,
    () => {
      const first = fleet.said().slice(0, INSTANCES);
      return first.filter((lines) => lines.some(stays)).length === INSTANCES - 1;
    },
    ROLLOUT_WITHIN_MS,
  );
  assert.equal(fleet.exits(), 1);
  assert.deepEqual(await fleet.versions(), Array(INSTANCES).fill("app-1.mjs"));
});

test("an instance that comes to its turn when the release has failed elsewhere stays, though it need not wait", async (t) => {
  const layout = await temporarySite(t);
  await publish(layout, "app-1.mjs");
  const other = await joinInstances(layout, thisProcess());
  const events: WatchEvent[] = [];
  const late = new Rollout(layout, 1, (event) => events.push(event));
  late.join();
  await publish(layout, "app-2.mjs");
  await markFailed(layout, "app-2.mjs", "exit code 1");
  assert.equal(await late.mayGo(), false);
  assert.deepEqual(await turns(layout), []);
  await clearFailed(layout, "app-2.mjs");
  assert.equal(await late.mayGo(), true);
  assert.deepEqual(
    events.map((event) => event.type === "turn-wait-ended" && event.end),
    ["not-needed", "taken"],
  );
  other.leave();
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
  /** Waits until all answer with this release; gives how many were away at the same time, at most. */
  rollout(artifact: string): Promise<number>;
  /** The lines of each, in the order in which they were launched. */
  said(): string[][];
  exits(): number;
}

/** Instances that are launched again when they end, as a platform handler does. */
async function startFleet(t: TestContext, layout: SiteLayout): Promise<Fleet> {
  const launched: { readonly slot: number; readonly instance: Started; endedAt?: number }[] = [];
  const ports: (number | undefined)[] = [];
  let ended = 0;
  let over = false;
  t.after(() => (over = true));
  const run = async (slot: number): Promise<void> => {
    while (!over) {
      const instance = launch(t, layout);
      const life: (typeof launched)[number] = { slot, instance };
      launched.push(life);
      instance.port().then(
        (port) => (ports[slot] = port),
        () => undefined, // It ended before.
      );
      await instance.exited;
      life.endedAt = Date.now();
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
  /** From when each began to go, or was seen to have ended where it could not say so, until the next of its slot was up. */
  const awayTimes = (): [from: number, to: number][] =>
    launched.flatMap(({ slot, instance, endedAt = Infinity }, index) => {
      const next = launched.slice(index + 1).find((other) => other.slot === slot);
      if (next === undefined) return [];
      return [[timeOf("away", instance) ?? endedAt, timeOf("up", next.instance) ?? Infinity]];
    });
  const fleet: Fleet = {
    ports: () => ports.filter((port) => port !== undefined),
    versions: () => Promise.all(Array.from({ length: INSTANCES }, (_, slot) => answer(slot))),
    async rollout(artifact) {
      const all = async (): Promise<boolean> =>
        (await fleet.versions()).every((version) => version === artifact);
      await until(`all run ${artifact}`, all, ROLLOUT_WITHIN_MS);
      return mostAtOnce(awayTimes());
    },
    said: () => launched.map(({ instance }) => instance.stderr().split("\n")),
    exits: () => ended,
  };
  await until("all answer", async () => (await fleet.versions()).every((version) => version === "app-1.mjs"));
  await until("all are known to each other", async () => {
    return (await readdir(layout.instances).catch(() => [])).length === INSTANCES;
  });
  return fleet;
}

/** Milliseconds since the epoch. */
function timeOf(what: "up" | "away", instance: Started): number | undefined {
  const at = new RegExp(`^${what} at (\\d+)$`, "m").exec(instance.stdout())?.[1];
  return at === undefined ? undefined : Number(at);
}

function mostAtOnce(times: readonly (readonly [from: number, to: number])[]): number {
  return Math.max(0, ...times.map(([at]) => times.filter(([from, to]) => from <= at && at < to).length));
}

async function turns(layout: SiteLayout): Promise<string[]> {
  return await readdir(layout.turns).catch(() => []);
}
