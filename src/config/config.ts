import type { SuperviseConfig } from "./supervise.ts";

/** How one artifact is built; docs/configuration.md explains every key. */
export type BuildConfig = EntryBuild | ExecutableBuild | CommandBuild | DirectoryBuild;

export interface EntryBuild {
  readonly builder: "entry";
  readonly entry: string;
  readonly assets?: readonly string[];
  readonly sourceMap?: "inline" | "none";
  readonly minify?: boolean;
  readonly allowIgnored?: boolean;
  readonly timeLimitMs?: number;
}

export interface ExecutableBuild {
  readonly builder: "executable";
  readonly entry: string;
  readonly node?: string;
  readonly assets?: readonly string[];
  readonly minify?: boolean;
  readonly allowIgnored?: boolean;
  readonly timeLimitMs?: number;
}

/** Program and arguments without a shell (`command`), or a line for the system's shell (`shell`). */
export interface CommandLine {
  readonly command?: readonly string[];
  readonly shell?: string;
}

export interface CommandBuild extends CommandLine {
  readonly builder: "command";
  readonly extension?: string;
  readonly timeLimitMs?: number;
}

export interface DirectoryBuild extends CommandLine {
  readonly builder: "directory";
  readonly directory: string;
  readonly entryPoint?: string;
  readonly start?: string;
  readonly static?: "pages" | "app";
  readonly install?: boolean | "all";
  readonly allowIgnored?: boolean;
  readonly timeLimitMs?: number;
}

/** HAProxy with two servers on each host; fronts/haproxy/front.ts has the defaults. */
export interface HaproxyConfig {
  readonly bind?: readonly string[];
  readonly ports?: readonly [number, number];
  /** From the site's configuration. Default: the name of the site. */
  readonly host?: string;
  readonly health?: { readonly path?: string; readonly timeoutMs?: number };
  readonly startMs?: number;
  readonly drainMs?: number;
  readonly socket?: string;
  readonly external?: boolean;
  readonly serverKeepAlive?: boolean;
  readonly hosts?: readonly HaproxyHost[];
}

export interface HaproxyHost {
  readonly name: string;
  readonly address: string;
  readonly ports?: readonly [number, number];
  readonly command?: readonly string[];
  readonly siteRoot?: string;
}

/**
 * How a site goes from one release to the next. handover: the launcher starts a supervisor, which keeps the port and runs
 * the next release beside the old one. recycle: the app drains and ends, and the platform starts the next one.
 */
export type Rollout = "handover" | "recycle";

/** The configuration as people write it. */
export interface UserConfig {
  readonly $schema?: string;
  readonly site?: string;
  readonly host?: string;
  readonly build?: BuildConfig;
  readonly files?: readonly string[];
  readonly keep?: number;
  /** Whether a new release removes old ones; read by what runs, as it lies in the site. */
  readonly prune?: boolean;
  readonly lockWaitMs?: number;
  readonly branch?: string;
  readonly requireSignature?: string;
  readonly drain?: {
    readonly deadlineMs?: number;
    readonly longPollAfterMs?: number;
    readonly maxUnavailable?: number;
  };
  readonly rollout?: Rollout;
  readonly overlap?: boolean;
  readonly supervise?: SuperviseConfig;
  readonly haproxy?: HaproxyConfig;
}

/** The configuration with its defaults; what has no default stays undefined. */
export interface SiteConfig {
  readonly site: string | undefined;
  /** undefined: to be inferred from what is in the source. */
  readonly build: BuildConfig | undefined;
  readonly files: readonly string[];
  readonly keep: number;
  readonly lockWaitMs: number;
  readonly branch: string | undefined;
  /** As written: relative to the site root. */
  readonly requireSignature: string | undefined;
  readonly rollout: Rollout;
  /** Whether two processes of the app may run at the same time. Without that there is no handover. */
  readonly overlap: boolean;
  /** As written, with the deadline of the drain: the supervisor knows its own defaults. */
  readonly supervise: SuperviseConfig;
  readonly haproxy: HaproxyConfig | undefined;
}

export const DEFAULT_KEEP = 5;
export const DEFAULT_LOCK_WAIT_MS = 0;
export const DEFAULT_ROLLOUT: Rollout = "handover";
export const DEFAULT_BUILD_LIMIT_MS = 30 * 60_000;

/** A configuration that was written on Windows means the same everywhere. */
const PATH_KEYS: ReadonlySet<string> = new Set(["entry", "directory", "entryPoint", "assets"]);

function withSlashes(build: BuildConfig): BuildConfig {
  const entries = Object.entries(build).map(([key, value]: [string, unknown]) => {
    if (!PATH_KEYS.has(key)) return [key, value];
    return [key, Array.isArray(value) ? value.map(slashes) : slashes(value as string)];
  });
  return Object.fromEntries(entries) as BuildConfig;
}

function slashes(path: string): string {
  return path.replaceAll("\\", "/");
}

export function normalizeConfig(user: UserConfig): SiteConfig {
  const overlap = user.overlap ?? true;
  const deadlineMs = user.drain?.deadlineMs;
  return {
    site: user.site,
    build: user.build === undefined ? undefined : withSlashes(user.build),
    files: (user.files ?? []).map(slashes),
    keep: user.keep ?? DEFAULT_KEEP,
    lockWaitMs: user.lockWaitMs ?? DEFAULT_LOCK_WAIT_MS,
    branch: user.branch,
    requireSignature: user.requireSignature,
    rollout: user.rollout ?? (overlap ? DEFAULT_ROLLOUT : "recycle"),
    overlap,
    supervise: {
      ...(user.host !== undefined && { host: user.host }),
      ...(deadlineMs !== undefined && { drainMs: deadlineMs }),
      ...user.supervise,
    },
    haproxy: user.haproxy && {
      ...(user.host !== undefined && { host: user.host }),
      ...user.haproxy,
    },
  };
}
