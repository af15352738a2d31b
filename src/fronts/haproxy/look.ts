import type { SiteLayout } from "../../site/layout.ts";
import { askHost } from "./agent.ts";
import type { Front, FrontHost, FrontServer } from "./front.ts";
import type { RuntimeApi, ServerStat } from "./runtime-api.ts";
import type { SlotRecord } from "./slot-record.ts";

/** One of a host's two servers: what HAProxy says of it and what runs there. */
export interface ServerView {
  readonly server: FrontServer;
  readonly stat: ServerStat | undefined;
  readonly record: SlotRecord | undefined;
  /** HAProxy gives it new requests, and our process is behind it. */
  readonly serving: boolean;
}

export type HostView =
  | {
      readonly host: FrontHost;
      readonly state: "reached";
      readonly servers: readonly [ServerView, ServerView];
    }
  | { readonly host: FrontHost; readonly state: "unreachable"; readonly reason: string };

/** The state of every host, found anew each time: from HAProxy and from what runs, not from what we did before. */
export async function lookAtHosts(
  layout: SiteLayout,
  front: Front,
  api: RuntimeApi,
): Promise<readonly HostView[]> {
  const stats = await api.servers();
  return Promise.all(front.hosts.map((host) => lookAtHost(layout, host, stats)));
}

export async function lookAtHost(
  layout: SiteLayout,
  host: FrontHost,
  stats: ReadonlyMap<string, ServerStat>,
): Promise<HostView> {
  try {
    const { slots } = await askHost(layout, host, { verb: "status" });
    const [first, second] = host.servers;
    const view = (server: FrontServer): ServerView => {
      const stat = stats.get(server.name);
      const record = slots.find(({ slot }) => slot === server.slot);
      return {
        server,
        stat,
        record,
        serving: record !== undefined && /^UP|^no check/.test(stat?.status ?? ""),
      };
    };
    return { host, state: "reached", servers: [view(first), view(second)] };
  } catch (error) {
    return { host, state: "unreachable", reason: error instanceof Error ? error.message : String(error) };
  }
}
