import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { SuperviseConfig } from "#src/config/supervise.js";
import type { InplaceEvent } from "#src/events.js";
import { clearFailed } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { writePointer } from "#src/site/pointer.js";
import { normalizeSupervise } from "#src/supervisor/options.js";
import type { RolloutOutcome } from "#src/supervisor/state.js";
import { Supervisor, type SupervisorSetup } from "#src/supervisor/supervisor.js";
import type { Sample } from "../rig/load.js";
import { temporarySite } from "../rig/temporary-site.js";
import { stage } from "../watch/watched-site.js";

/** A rollout, its probation and its drain take no longer than this on a loaded machine. */
export const SETTLE_MS = 60_000;

export interface SupervisedSite {
  readonly layout: SiteLayout;
  readonly supervisor: Supervisor;
  readonly port: number;
  readonly events: readonly InplaceEvent[];
  /** Publishes as deploy does and gives how the rollout ended. */
  deploy(artifact: string, content: string): Promise<RolloutOutcome>;
  outcome(artifact: string): Promise<RolloutOutcome>;
  get(path?: string): Promise<string>;
}

export interface SiteOptions extends SuperviseConfig {
  readonly env?: NodeJS.ProcessEnv;
}

/** What a supervisor finds in the site: one release to publish, or whatever was prepared. */
export type First = { readonly artifact: string } & (
  | { readonly content: string }
  | { readonly prepare: (layout: SiteLayout) => Promise<void> }
);

/** A site whose first release was tried by a supervisor of this process, and is live if it could. */
export async function supervisedSite(
  t: TestContext,
  first: First,
  { env, ...options }: SiteOptions = {},
): Promise<SupervisedSite> {
  const layout = await temporarySite(t);
  if ("content" in first) await publish(layout, first.artifact, first.content);
  else await first.prepare(layout);
  const events: InplaceEvent[] = [];
  const setup: SupervisorSetup = {
    layout,
    place: { host: "127.0.0.1", port: 0 },
    options: normalizeSupervise({ probationMs: 300, ...options }),
    args: [],
    env: { ...process.env, ...env },
    events: (event) => events.push(event),
  };
  const supervisor = await Supervisor.open(setup);
  const ended = supervisor.run();
  ended.catch(() => undefined); // Told to those who wait for an outcome.
  t.after(async () => {
    supervisor.stop("the test is over");
    await ended.catch(() => undefined);
  });
  const outcome = (artifact: string): Promise<RolloutOutcome> =>
    supervisor.outcome(artifact, AbortSignal.timeout(SETTLE_MS));
  const site: SupervisedSite = {
    layout,
    supervisor,
    port: supervisor.port,
    events,
    outcome,
    async deploy(artifact, content) {
      await publish(layout, artifact, content);
      return await outcome(artifact);
    },
    async get(path = "/") {
      // On a connection of its own: one that is kept may be closed by a drain while the request is on its way.
      const headers = { connection: "close" };
      const response = await fetch(`http://127.0.0.1:${supervisor.port}${path}`, { headers });
      return await response.text();
    },
  };
  await outcome(first.artifact);
  return site;
}

/** As deploy does: staged, manifest, renamed, pointer. */
export async function publish(layout: SiteLayout, artifact: string, content: string): Promise<void> {
  await stage(layout, artifact, content);
  await clearFailed(layout, artifact);
  await writePointer(layout, artifact);
}

/**
 * An ordinary http app, without a line for us. Says its version in a header and the body; answers a POST with the
 * length of what it got, /slow after 500 ms, /pid with its pid, /crash by dying.
 */
export function app(version: string, extra = ""): string {
  return `
import { createServer } from "node:http";
const version = ${JSON.stringify(version)};
${extra}
createServer((request, response) => {
  let length = 0;
  request.on("data", (chunk) => (length += chunk.length));
  request.on("end", () => {
    if (request.url === "/crash") process.exit(9);
    response.setHeader("x-version", version);
    if (request.url === "/slow") setTimeout(() => response.end("slow " + version), 500);
    else if (request.url === "/pid") response.end(String(process.pid));
    else response.end(version + " " + length);
  });
}).listen(process.env.PORT);
`;
}

/** A process that was killed is gone, and its connections are reset, no later than this on a loaded machine. */
const DEATH_MS = 1_000;

/**
 * After so many deaths of a process: what was inside it is lost, so all that is lost was under way when one of them died,
 * and nobody was refused or kept waiting. How many are inside depends on how many arrive at once, which no test decides.
 */
export function assertOnlyInsideLost(samples: readonly Sample[], deaths: number): void {
  const failed = samples.filter(({ failure }) => failure !== undefined);
  const inside: ReadonlySet<string | undefined> = new Set(["reset", "empty", "truncated"]);
  const others = failed.filter(({ failure }) => !inside.has(failure));
  assert.deepEqual(others, []);
  let moments = 0;
  let moment = -Infinity;
  for (const { dueAt, doneAt } of failed.sort((a, b) => a.doneAt - b.doneAt)) {
    if (dueAt <= moment + DEATH_MS) continue;
    moment = doneAt;
    moments += 1;
  }
  const times = failed.map(({ dueAt, doneAt }) => `${dueAt} to ${doneAt}`);
  assert.ok(moments <= deaths, `requests were lost at ${moments} moments: ${times.join(", ")}`);
}
