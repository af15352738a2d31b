import assert from "node:assert/strict";
import type { Sample } from "./load.ts";

/** Latencies in milliseconds, from the moment a request was due. */
export interface StreamReport {
  readonly requests: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** By name of the stream, and "all". */
export function report(samples: readonly Sample[]): Readonly<Record<string, StreamReport>> {
  const byStream = new Map<string, Sample[]>([["all", [...samples]]]);
  for (const sample of samples) {
    const found = byStream.get(sample.stream);
    if (found === undefined) byStream.set(sample.stream, [sample]);
    else found.push(sample);
  }
  return Object.fromEntries([...byStream].map(([name, own]) => [name, reportStream(own)]));
}

function reportStream(samples: readonly Sample[]): StreamReport {
  const failures: Record<string, number> = {};
  for (const { failure } of samples) {
    if (failure !== undefined) failures[failure] = (failures[failure] ?? 0) + 1;
  }
  const latencies = samples.map((sample) => sample.doneAt - sample.dueAt).sort((a, b) => a - b);
  const percentile = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return {
    requests: samples.length,
    failures,
    failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
    p50: percentile(0.5),
    p99: percentile(0.99),
    p999: percentile(0.999),
    max: percentile(1),
  };
}

/** Asserts that every request succeeded; the message shows the first few of each kind of failure. */
export function assertNoneFailed(samples: readonly Sample[]): void {
  const byKind = new Map<string, Sample[]>();
  for (const sample of samples) {
    if (sample.failure !== undefined) {
      const own = byKind.get(sample.failure);
      if (own === undefined) byKind.set(sample.failure, [sample]);
      else own.push(sample);
    }
  }
  const shown = [...byKind.values()].flatMap((own) => own.slice(0, 3)).map(failureLine);
  const { failed = 0, failures = {} } = report(samples)["all"] ?? {};
  const counts = `${failed} of ${samples.length} requests failed ${JSON.stringify(failures)}`;
  assert.equal(failed, 0, `${counts}\n${shown.join("\n")}`);
}

function failureLine({ stream, failure, detail, sentAt, doneAt }: Sample): string {
  return `${new Date(sentAt).toISOString()} +${doneAt - sentAt} ms ${stream}: ${failure} ${detail}`;
}

/** A release that went live under load: when its deploy began and when it returned, milliseconds since the epoch. */
export interface Swap {
  readonly version: string;
  readonly startedAt: number;
  readonly returnedAt: number;
}

/** For each swap, how long after the deploy's return the last request was sent that an older version answered, milliseconds. */
export function settlingTimes(samples: readonly Sample[], swaps: readonly Swap[]): readonly number[] {
  return swaps.map((swap, index) => {
    const newer = new Set(swaps.slice(index).map(({ version }) => version));
    const old = samples.filter(({ version }) => version !== undefined && !newer.has(version));
    return old.reduce((last, { sentAt }) => Math.max(last, sentAt), 0) - swap.returnedAt;
  });
}

/**
 * Asserts that each request sent settleMs or more after a deploy's return was answered by that deploy's version or by
 * one whose deploy had begun since.
 */
export function assertVersions(samples: readonly Sample[], swaps: readonly Swap[], settleMs: number): void {
  for (const { version, sentAt, doneAt, stream } of samples) {
    const settled = swaps.findLastIndex((swap) => swap.returnedAt + settleMs <= sentAt);
    if (version === undefined || settled < 0) continue;
    const allowed = swaps.filter((swap, index) => index >= settled && swap.startedAt <= doneAt);
    assert.ok(
      allowed.some((swap) => swap.version === version),
      `${stream}: a request sent at ${sentAt} was answered by ${version}, not by ` +
        `${allowed.map((swap) => `${swap.version} (returned at ${swap.returnedAt})`).join(" or ")}`,
    );
  }
}
