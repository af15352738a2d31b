/** How a watcher looks. */
export interface WatchOptions {
  /** Name of the artifact that runs; undefined: none of this site's. */
  readonly mine: string | undefined;
  /** What identity() gave for it when it was started, so that one which was replaced since is found. Default: now. */
  readonly identity?: string;
  /** true: only poll, as on a network share. Default: INPLACE_POLL=1. */
  readonly pollOnly?: boolean;
  /** The environment of what is started, as it is now: it may name the key that drops have to be signed with. Default: this process's. */
  readonly env?: () => NodeJS.ProcessEnv;
  /** Milliseconds between two looks that no event asked for. Default: 2,000. */
  readonly pollMs?: number;
  /** Milliseconds that size and times of a drop must not change. Default: 500. */
  readonly stillMs?: number;
}

export interface NormalWatchOptions {
  readonly mine: string | undefined;
  readonly identity: string | undefined;
  readonly pollOnly: boolean;
  readonly env: () => NodeJS.ProcessEnv;
  readonly pollMs: number;
  readonly stillMs: number;
}

export const DEFAULT_POLL_MS = 2_000;
export const DEFAULT_STILL_MS = 500;

export function normalWatchOptions(options: WatchOptions): NormalWatchOptions {
  return {
    mine: options.mine,
    identity: options.identity,
    pollOnly: options.pollOnly ?? process.env["INPLACE_POLL"] === "1",
    env: options.env ?? (() => process.env),
    pollMs: options.pollMs ?? DEFAULT_POLL_MS,
    stillMs: options.stillMs ?? DEFAULT_STILL_MS,
  };
}
