import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import type { PlatformEvent } from "#src/events.js";
import { attemptStart } from "#src/platform/backends/start-attempt.js";
import { Instance } from "#src/platform/instance.js";
import { launchOf } from "#src/platform/launch.js";
import { readWebConfig } from "#src/platform/web-config/read.js";
import { temporarySite } from "../rig/temporary-site.js";
import { writeSite } from "./site.js";

test("a start that is given up at the moment in which the process comes up ends that process too", async (t) => {
  const site = await temporarySite(t);
  await writeSite(site);
  const givenUp = new AbortController();
  // What was started is asked for between "it listens" and "it is ready".
  const layout = {
    ...site,
    get started(): string {
      givenUp.abort();
      return site.started;
    },
  };
  const events: PlatformEvent[] = [];
  const sink = (event: PlatformEvent): void => void events.push(event);
  const config = await readWebConfig(site.webConfig);
  const launch = launchOf(config, layout, {
    strict: false,
    env: process.env,
    events: sink,
    basePath: "/",
    onOutput: undefined,
  });
  const never = (): never => {
    throw new Error("It never became an instance.");
  };
  const owner = {
    events: sink,
    requestTimeoutMs: 1_000,
    sendsToken: false,
    waits: false,
    lost: never,
    answered: never,
    roomAgain: never,
  };
  const outcome = await attemptStart({ launch, owner, attempt: 1, onTrial: false, signal: givenUp.signal });
  ok(!(outcome instanceof Instance));
  const [starting, ...rest] = events;
  ok(starting?.type === "backend-starting");
  deepEqual(
    rest.map(({ type }) => type),
    ["backend-start-failed"],
  );
  equal(outcome.problem, "It was stopped while it started.");
  throws(() => process.kill(starting.pid, 0), { code: "ESRCH" });
});
