import type { Server } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { InplaceError } from "../errors.ts";
import type { EventSink, PlatformEvent } from "../events.ts";
import { siteLayout } from "../site/layout.ts";
import { mayOverlap } from "../site/overlap.ts";
import { AccessLog, type AccessLogFormat } from "./access-log.ts";
import type { Certificate } from "./certificate.ts";
import type { ClientOptions } from "./proxy/client-options.ts";
import { HOLD_LIMITS, type HoldLimits } from "./hold-queue.ts";
import { DEFAULT_PORT, Listener, MAX_CONNECTIONS } from "./listener.ts";
import { defectOf } from "./proxy/boundary.ts";
import { MIN_RATE } from "./proxy/pace.ts";
import { trustedProxies } from "./proxy/trusted-proxies.ts";
import { Site, type SiteOptions } from "./site.ts";
import { SiteSet } from "./sites/site-set.ts";

/** How long requests in flight may take when the handler stops, milliseconds; the same as an application's drain. */
export const HANDLER_DRAIN_MS = 30_000;

export interface PlatformHandlerOptions {
  /** The one site to serve; or `sites`. */
  readonly siteRoot?: string;
  /** A folder of sites, or a file that lists them, followed as it changes; see readSites. */
  readonly sites?: string;
  /** 0: any free one. Default 8080. */
  readonly port?: number;
  /** Default: localhost, over IPv4 and IPv6. */
  readonly host?: string;
  /** See ListenOptions. */
  readonly inherit?: (take: (socket: Server) => void) => Promise<void>;
  /** Clients speak TLS, and HTTP/2 if they can. PEM. */
  readonly tls?: Certificate;
  readonly hold?: Partial<HoldLimits>;
  readonly drainMs?: number;
  /** Connections at the same time, streams of HTTP/2 included. */
  readonly maxConnections?: number;
  /** As many for one address. Default: any number. */
  readonly maxConnectionsPerAddress?: number;
  /** Bytes of a request's body; more is answered with 413. Default: any number. */
  readonly maxBodyBytes?: number;
  /** Clients on this machine see what an application wrote before it failed. Default: true. */
  readonly details?: boolean;
  /** Bytes a second that a client has to send or read at least, see Pace; 0: any number. Default: 240. */
  readonly minRate?: number;
  /** Whose X-Forwarded-* and the like are believed; see trustedProxies. Default: nobody's. */
  readonly trustProxies?: readonly string[];
  /** Exactly what IIS does, losses during a swap included. Default: false. */
  readonly strict?: boolean;
  readonly accessLog?: { readonly path: string; readonly format: AccessLogFormat };
  /** What the application inherits. Default: the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  readonly events?: EventSink<PlatformEvent>;
  /** What the application writes to stdout and stderr. site: its name, where there are several. */
  readonly onOutput?: (chunk: Buffer, stream: "stdout" | "stderr", site?: string) => void;
}

export interface PlatformHandler {
  readonly port: number;
  readonly urls: readonly string[];
  /** Those that listen, to be handed on. */
  readonly sockets: readonly Server[];
  /** New connections get this certificate; those that there are keep theirs. */
  renew(certificate: Certificate): void;
  /** Whether another handler may run the applications beside this one. */
  mayOverlap(): Promise<boolean>;
  /** Gracefully: no new connection, answers for what is in flight, then the application's own stop. Twice is the same promise. drainMs: at most, instead of the option. */
  stop(drainMs?: number): Promise<void>;
  /** Now. */
  kill(): void;
}

/** The embedded HttpPlatformHandler. Throws WEB_CONFIG_MISSING, WEB_CONFIG_INVALID, CONFIG_INVALID, USAGE or PORT_IN_USE. */
export async function startPlatformHandler(options: PlatformHandlerOptions): Promise<PlatformHandler> {
  const events = options.events ?? (() => undefined);
  const trusted = trustedProxies(options.trustProxies ?? []);
  let listens: (urls: readonly string[]) => void = () => undefined;
  const urls = new Promise<readonly string[]>((resolve) => (listens = resolve));
  const sites = await openSites(options, events, urls);
  const log = openLog(options, events);
  const listener: Listener = await Listener.listen(sites, {
    port: options.port ?? DEFAULT_PORT,
    host: options.host,
    inherit: options.inherit,
    tls: options.tls,
    strict: options.strict ?? false,
    maxConnections: options.maxConnections ?? MAX_CONNECTIONS,
    maxConnectionsPerAddress: options.maxConnectionsPerAddress ?? Number.POSITIVE_INFINITY,
    maxBodyBytes: options.maxBodyBytes ?? Number.POSITIVE_INFINITY,
    details: options.details ?? true,
    minRate: options.minRate ?? MIN_RATE,
    trustedProxies: trusted,
    defect: (error) => events(defectOf(error)),
    ended: log === undefined ? undefined : recorder(log, () => listener.port),
  }).catch(async (error: unknown) => {
    await sites.stop();
    await log?.close();
    throw error;
  });
  events({ type: "handler-listening", urls: listener.urls });
  listens(listener.urls);

  let stopped: Promise<void> | undefined;
  const stop = async (drainMs = options.drainMs ?? HANDLER_DRAIN_MS): Promise<void> => {
    events({ type: "handler-stopping" });
    void listener.close();
    const limit = new AbortController();
    await Promise.race([
      listener.idle(),
      delay(drainMs, undefined, { signal: limit.signal }).catch(() => undefined),
    ]);
    limit.abort();
    await sites.stop();
    await listener.cut();
    await log?.close();
  };
  return {
    port: listener.port,
    urls: listener.urls,
    sockets: listener.sockets,
    renew: (certificate) => listener.renew(certificate),
    mayOverlap: async () =>
      (await Promise.all(sites.all.map(({ layout }) => mayOverlap(layout)))).every(Boolean),
    stop: (drainMs) => (stopped ??= stop(drainMs)),
    kill: () => {
      void listener.close();
      sites.kill();
      void listener.cut();
    },
  };
}

async function openSites(
  options: PlatformHandlerOptions,
  events: EventSink<PlatformEvent>,
  urls: SiteOptions["urls"],
): Promise<Site | SiteSet> {
  const common: Omit<SiteOptions, "layout" | "basePath" | "events" | "onOutput"> = {
    strict: options.strict ?? false,
    env: options.env ?? process.env,
    hold: { ...HOLD_LIMITS, ...options.hold },
    urls,
  };
  const { onOutput } = options;
  if (options.sites === undefined) {
    if (options.siteRoot === undefined) throw new InplaceError("USAGE", "There is no site to serve.");
    return await Site.open({
      ...common,
      layout: siteLayout(options.siteRoot),
      basePath: "/",
      events,
      onOutput,
    });
  }
  return await SiteSet.open({
    path: options.sites,
    events,
    open: ({ name, root, path }) =>
      Site.openAnyway({
        ...common,
        layout: siteLayout(root),
        basePath: path,
        events: (event) => events({ type: "of-site", site: name, event }),
        onOutput: (chunk, stream) => onOutput?.(chunk, stream, name),
      }),
  });
}

function openLog(
  { accessLog }: PlatformHandlerOptions,
  events: EventSink<PlatformEvent>,
): AccessLog | undefined {
  if (accessLog === undefined) return undefined;
  return new AccessLog({
    ...accessLog,
    dropped: (entries) => events({ type: "log-behind", log: "access", entries }),
    failed: (error) => events({ type: "access-log-failed", problem: error.message }),
  });
}

function recorder(log: AccessLog, port: () => number): ClientOptions["ended"] {
  return (exchange, cut, client) => {
    log.write({
      at: new Date(exchange.startedAt),
      head: exchange.head,
      client: client.address,
      localAddress: client.localAddress,
      localPort: port(),
      status: exchange.status,
      substatus: exchange.substatus,
      cut,
      bytes: exchange.bytes,
      elapsedMs: Date.now() - exchange.startedAt,
      site: exchange.site,
      artifact: exchange.artifact,
    });
  };
}
