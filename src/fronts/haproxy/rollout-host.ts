import { setTimeout as delay } from "node:timers/promises";
import { InplaceError } from "../../errors.ts";
import type { EventSink } from "../../events.ts";
import type { SiteLayout } from "../../site/layout.ts";
import { askHost } from "./agent.ts";
import type { Front, FrontHost, FrontServer } from "./front.ts";
import { lookAtHost, type ServerView } from "./look.ts";
import type { RuntimeApi } from "./runtime-api.ts";

/** HAProxy looks every 200 ms at a server that is coming up. */
export const UP_LIMIT_MS = 10_000;
/** After the connections have ended: for the process itself. */
const STOP_MS = 10_000;
const LOOK_AGAIN_MS = 25;

export interface Rollout {
  readonly layout: SiteLayout;
  readonly front: Front;
  readonly api: RuntimeApi;
  readonly artifact: string;
  /** Also where the artifact serves already. */
  readonly force: boolean;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

/** What became of one host. */
export interface HostMove {
  readonly host: string;
  readonly outcome: "moved" | "already";
  /** Artifacts; `from` is undefined where none served. */
  readonly from: string | undefined;
  readonly to: string;
  /** The server that has the traffic now. */
  readonly server: string;
  readonly healthyAfterMs: number;
  readonly drainedAfterMs: number;
  /** Requests that were still running when the old process was stopped. */
  readonly cut: number;
}

/**
 * Moves one host to the artifact: free a server → start there → healthy → up in HAProxy → the other one drains → stops.
 * Until the artifact is up, whatever fails is undone and the old one keeps serving.
 */
export async function rolloutHost(rollout: Rollout, host: FrontHost): Promise<HostMove> {
  const { artifact, force, emit, signal } = rollout;
  const serving = await onlyOneServing(rollout, host);
  const from = serving?.record?.artifact;
  if (serving !== undefined && from === artifact && !force) {
    const { name } = serving.server;
    return { host: host.name, outcome: "already", from, to: artifact, server: name, ...NOTHING_DONE };
  }
  signal.throwIfAborted();
  const next = host.servers.find(({ name }) => name !== serving?.server.name) ?? host.servers[0];
  const startedAt = Date.now();
  try {
    await bringUp(rollout, host, next);
  } catch (error) {
    await takeOut(rollout, host, next);
    throw error;
  }
  const healthyAfterMs = Date.now() - startedAt;
  emit({
    type: "traffic-moved",
    host: host.name,
    server: next.name,
    artifact,
    previous: from,
    ms: healthyAfterMs,
  });
  const retired =
    serving === undefined ? { drainedAfterMs: 0, cut: 0 } : await retire(rollout, host, serving);
  return {
    host: host.name,
    outcome: "moved",
    from,
    to: artifact,
    server: next.name,
    healthyAfterMs,
    ...retired,
  };
}

const NOTHING_DONE = { healthyAfterMs: 0, drainedAfterMs: 0, cut: 0 } as const;

/** Where both serve, as after a deploy that was killed, one is retired first: the older, or the one with another artifact. */
async function onlyOneServing(rollout: Rollout, host: FrontHost): Promise<ServerView | undefined> {
  const view = await lookAtHost(rollout.layout, host, await rollout.api.servers());
  if (view.state === "unreachable") throw new InplaceError("HOST_UNREACHABLE", view.reason);
  const serving = view.servers
    .filter((each) => each.serving)
    .sort((a, b) => rank(b, rollout.artifact).localeCompare(rank(a, rollout.artifact)));
  const [kept, ...others] = serving;
  for (const other of others) await retire(rollout, host, other);
  return kept;
}

function rank({ record }: ServerView, artifact: string): string {
  return `${record?.artifact === artifact ? 1 : 0} ${record?.since ?? ""}`;
}

async function bringUp(rollout: Rollout, host: FrontHost, server: FrontServer): Promise<void> {
  const { layout, front, api, artifact, emit, signal } = rollout;
  // Nothing may reach it before it has proved itself, also after HAProxy forgot its state in a restart.
  await api.setState(server.name, "maint");
  emit({ type: "server-starting", host: host.name, server: server.name, artifact, port: server.port });
  const health = { address: host.address, port: server.port, ...front.health };
  const order = {
    slot: server.slot,
    artifact,
    port: server.port,
    health,
    startMs: front.startMs,
    drainMs: front.drainMs,
  };
  await askHost(layout, host, { verb: "start", order });
  signal.throwIfAborted();
  await api.setReadyUnproven(server.name);
  await untilUp(api, server, signal);
}

async function untilUp(api: RuntimeApi, { name }: FrontServer, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + UP_LIMIT_MS;
  for (;;) {
    const stat = (await api.servers()).get(name);
    if (stat?.status === "UP") return;
    if (Date.now() > deadline) {
      const what = `HAProxy did not find ${name} up within ${UP_LIMIT_MS / 1000} s: ${stat?.lastCheck ?? "no such server"}.`;
      throw new InplaceError("START_FAILED", what);
    }
    await delay(LOOK_AGAIN_MS, undefined, { signal });
  }
}

/** Undoes bringUp; its own failures must not hide the reason. */
async function takeOut({ layout, api }: Rollout, host: FrontHost, server: FrontServer): Promise<void> {
  await api.setState(server.name, "maint").catch(() => undefined);
  await askHost(layout, host, { verb: "stop", slot: server.slot, limitMs: STOP_MS }).catch(() => undefined);
}

async function retire(
  { layout, front, api, emit }: Rollout,
  host: FrontHost,
  { server, record }: ServerView,
): Promise<{ readonly drainedAfterMs: number; readonly cut: number }> {
  const startedAt = Date.now();
  const artifact = record?.artifact ?? "";
  await api.setState(server.name, "drain");
  const cut = await untilIdle(api, server, startedAt + front.drainMs);
  await askHost(layout, host, { verb: "stop", slot: server.slot, limitMs: STOP_MS });
  await api.setState(server.name, "maint");
  const drainedAfterMs = Date.now() - startedAt;
  emit({ type: "server-stopped", host: host.name, server: server.name, artifact, ms: drainedAfterMs, cut });
  return { drainedAfterMs, cut };
}

/** What is still running at the deadline. */
async function untilIdle(api: RuntimeApi, { name }: FrontServer, deadline: number): Promise<number> {
  for (;;) {
    const stat = (await api.servers()).get(name);
    const busy = Math.max((stat?.sessions ?? 0) + (stat?.queued ?? 0), await api.connections(name));
    if (busy === 0 || Date.now() > deadline) return busy;
    await delay(LOOK_AGAIN_MS);
  }
}
