import { resolve } from "node:path";
import type { HaproxyConfig, HaproxyHost } from "../../config/config.ts";
import { InplaceError } from "../../errors.ts";
import { validSiteName } from "../../site/artifact-name.ts";
import { OWN_FOLDER, type SiteLayout } from "../../site/layout.ts";

export const DEFAULT_BIND = "127.0.0.1:8080";
export const DEFAULT_PORTS = [9001, 9002] as const;
export const DEFAULT_HEALTH_PATH = "/";
export const DEFAULT_HEALTH_TIMEOUT_MS = 2_000;
/** From the start of a process to its good health. */
export const DEFAULT_START_MS = 30_000;
/** For requests that the old process has when traffic has moved. */
export const DEFAULT_DRAIN_MS = 30_000;
/** sun_path holds 108 bytes, and HAProxy binds to PATH.PID.tmp before it renames. */
const LONGEST_SOCKET_PATH = 92;
const LOCAL_HOST: HaproxyHost = { name: "local", address: "127.0.0.1" };

export type SlotNumber = 1 | 2;

export function isSlotNumber(value: unknown): value is SlotNumber {
  return value === 1 || value === 2;
}

/** One of the two places on a host where an artifact can run, and the HAProxy server that stands for it. */
export interface FrontServer {
  /** As HAProxy knows it: `<host>-1` or `<host>-2`. */
  readonly name: string;
  readonly slot: SlotNumber;
  readonly port: number;
}

export interface FrontHost {
  readonly name: string;
  readonly address: string;
  readonly servers: readonly [FrontServer, FrontServer];
  /** Runs inplace on that machine; undefined: this machine. */
  readonly command: readonly string[] | undefined;
  /** The site there; undefined: as it finds it itself. */
  readonly siteRoot: string | undefined;
}

/** The site's HAProxy, with every default in place. */
export interface Front {
  /** Name of the site and of HAProxy's backend. */
  readonly site: string;
  readonly bind: readonly string[];
  readonly health: { readonly host: string; readonly path: string; readonly timeoutMs: number };
  readonly startMs: number;
  readonly drainMs: number;
  /** Path of HAProxy's runtime socket. */
  readonly socket: string;
  /** Somebody else starts and configures HAProxy. */
  readonly external: boolean;
  readonly serverKeepAlive: boolean;
  readonly hosts: readonly FrontHost[];
  /** Where configuration, pid and records lie. */
  readonly folder: string;
}

/** Throws CONFIG_INVALID or SITE_NAME_INVALID. */
export function normalizeFront(layout: SiteLayout, site: string, config: HaproxyConfig): Front {
  const folder = haproxyFolder(layout);
  const socket = resolve(layout.root, config.socket ?? resolve(folder, "admin.sock"));
  if (Buffer.byteLength(socket) > LONGEST_SOCKET_PATH) {
    const what = `haproxy.socket is longer than ${LONGEST_SOCKET_PATH} bytes: ${socket}.`;
    throw new InplaceError("CONFIG_INVALID", what, { hint: "Name a shorter path, as /run/site.sock." });
  }
  const hosts = config.hosts ?? [LOCAL_HOST];
  const names = hosts.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new InplaceError("CONFIG_INVALID", `haproxy.hosts has ${JSON.stringify(twice)} twice.`);
  }
  return {
    site: validSiteName(site),
    bind: config.bind ?? [DEFAULT_BIND],
    health: {
      host: config.host ?? site,
      path: config.health?.path ?? DEFAULT_HEALTH_PATH,
      timeoutMs: config.health?.timeoutMs ?? DEFAULT_HEALTH_TIMEOUT_MS,
    },
    startMs: config.startMs ?? DEFAULT_START_MS,
    drainMs: config.drainMs ?? DEFAULT_DRAIN_MS,
    socket,
    external: config.external ?? false,
    serverKeepAlive: config.serverKeepAlive ?? false,
    hosts: hosts.map((host) => normalizeHost(host, config.ports ?? DEFAULT_PORTS)),
    folder,
  };
}

export function haproxyFolder(layout: SiteLayout): string {
  return resolve(layout.root, OWN_FOLDER, "haproxy");
}

function normalizeHost(host: HaproxyHost, common: readonly [number, number]): FrontHost {
  const [first, second] = host.ports ?? common;
  if (first === second)
    throw new InplaceError("CONFIG_INVALID", `The two ports of ${host.name} are the same.`);
  return {
    name: host.name,
    address: host.address,
    servers: [
      { name: `${host.name}-1`, slot: 1, port: first },
      { name: `${host.name}-2`, slot: 2, port: second },
    ],
    command: host.command,
    siteRoot: host.siteRoot,
  };
}
