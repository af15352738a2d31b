import { InplaceError } from "../../errors.ts";
import { markFailed, markGood } from "../../site/health-marks.ts";
import { acquireLock } from "../../site/lock.ts";
import { readPointer, writePointer } from "../../site/pointer.ts";
import type { FrontHost } from "./front.ts";
import { lookAtHosts, type HostView } from "./look.ts";
import { rolloutHost, type HostMove, type Rollout } from "./rollout-host.ts";

export const DEFAULT_BATCH = 1;
export const DEFAULT_MAX_UNAVAILABLE = 0;

export interface RolloutOptions extends Rollout {
  /** Hosts at a time. */
  readonly batch: number;
  /** Hosts that may be out of reach; they are left as they are. */
  readonly maxUnavailable: number;
  readonly lockWaitMs: number;
}

/** What became of a host that was not moved. */
export interface HostLeft {
  readonly host: string;
  readonly outcome: "failed" | "untouched" | "unreachable";
  readonly reason: string | undefined;
}

export interface RolloutReport {
  readonly artifact: string;
  readonly hosts: readonly (HostMove | HostLeft)[];
}

/**
 * Moves the hosts to the artifact, `batch` at a time, in the order of the configuration. The first failure ends it: the
 * hosts after it are not touched, the artifact is marked, and the pointer names what serves. Throws ROLLOUT_FAILED.
 */
export async function rollout(options: RolloutOptions): Promise<RolloutReport> {
  const { layout, front, api, artifact, maxUnavailable, signal } = options;
  const lock = await acquireLock(layout, { waitMs: options.lockWaitMs, signal });
  try {
    const views = await lookAtHosts(layout, front, api);
    const away = views.flatMap((view) => (view.state === "unreachable" ? [unreachable(view)] : []));
    if (away.length > maxUnavailable) {
      const what = `${away.length} of ${views.length} hosts cannot be reached, ${maxUnavailable} may be:\n${words(away)}`;
      throw new InplaceError("HOST_UNREACHABLE", what);
    }
    const served = servedBefore(views);
    const hosts = views.filter(({ state }) => state === "reached").map(({ host }) => host);
    const results = await inBatches(options, hosts);
    if (results.some(({ outcome }) => outcome === "failed")) throw await failure(options, results, served);
    const pointer = await readPointer(layout);
    if (pointer.state !== "names" || pointer.artifact !== artifact) await writePointer(layout, artifact);
    await markGood(layout, artifact);
    return { artifact, hosts: [...results, ...away] };
  } finally {
    await lock.release();
  }
}

async function inBatches(
  options: RolloutOptions,
  hosts: readonly FrontHost[],
): Promise<(HostMove | HostLeft)[]> {
  const results: (HostMove | HostLeft)[] = [];
  for (let first = 0; first < hosts.length; first += options.batch) {
    const batch = hosts.slice(first, first + options.batch);
    const stopped = results.some(({ outcome }) => outcome === "failed");
    results.push(
      ...(stopped
        ? batch.map(({ name }): HostLeft => ({ host: name, outcome: "untouched", reason: undefined }))
        : await Promise.all(batch.map((host) => moveOrFail(options, host)))),
    );
  }
  return results;
}

async function moveOrFail(options: RolloutOptions, host: FrontHost): Promise<HostMove | HostLeft> {
  try {
    return await rolloutHost(options, host);
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    if (!(error instanceof InplaceError)) throw error;
    return { host: host.name, outcome: "failed", reason: `${error.code}: ${error.message}` };
  }
}

/** The artifact of the first host that serves one: what the pointer goes back to. */
function servedBefore(views: readonly HostView[]): string | undefined {
  const servers = views.flatMap((view) => (view.state === "reached" ? view.servers : []));
  return servers.find(({ serving }) => serving)?.record?.artifact;
}

async function failure(
  { layout, artifact }: RolloutOptions,
  results: readonly (HostMove | HostLeft)[],
  served: string | undefined,
): Promise<InplaceError> {
  const failed = results.find((each): each is HostLeft => each.outcome === "failed");
  await markFailed(layout, artifact, failed?.reason ?? "failed");
  if (served !== undefined && served !== artifact) await writePointer(layout, served);
  const kept = served === undefined ? "Nothing served before." : `${served} keeps serving there.`;
  return new InplaceError(
    "ROLLOUT_FAILED",
    `${artifact} is not live on every host. ${kept}\n${words(results)}`,
  );
}

function words(results: readonly (HostMove | HostLeft)[]): string {
  return results
    .map((each) => {
      const { host, outcome } = each;
      const more = "to" in each ? each.to : each.reason;
      return `  ${host}: ${outcome}${more === undefined ? "" : `, ${more}`}`;
    })
    .join("\n");
}

function unreachable(view: Extract<HostView, { readonly state: "unreachable" }>): HostLeft {
  return { host: view.host.name, outcome: "unreachable", reason: view.reason };
}
