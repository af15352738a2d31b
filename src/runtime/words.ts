import { fstatSync, writeSync } from "node:fs";
import type { WatchEvent } from "../events.ts";
import type { Cut, DrainReport } from "../listener/report.ts";
import { printableLines } from "../printable.ts";

const STDERR = 2;

/** One line on standard error. Written at once: the process may be about to end. Never throws. */
export function say(line: string): void {
  try {
    pipeNeverBlocks ??= openPipe();
    writeSync(STDERR, `inplace: ${printableLines(line)}\n`);
  } catch {
    return; // Nobody reads it; the app goes on.
  }
}

let pipeNeverBlocks: boolean | undefined;

/**
 * Node has a pipe never block from when it opens it as process.stderr; else one that nobody reads could hold up the app. On
 * Windows nothing can be written to it by its descriptor from then on.
 */
function openPipe(): boolean {
  if (process.platform === "win32") return false;
  const stat = fstatSync(STDERR);
  return (stat.isFIFO() || stat.isSocket()) && process.stderr !== undefined;
}

/** Of what the watcher tells, a running app's log gets what somebody may have to act on. */
export function sayWatchEvent(event: WatchEvent): void {
  switch (event.type) {
    case "watch-failed":
    case "look-failed":
      return say(`watching failed, and goes on by polling: ${event.message}`);
    case "pointer-refused":
      return say(`${event.code}: ${event.message} The current release stays.`);
    case "drop-refused":
      return say(`${JSON.stringify(event.name)} in _target is not taken: ${event.reason}`);
    case "drops-left-alone":
      return say(
        `this site was copied or restored here: ${event.names.join(", ")} in _target left alone until changed`,
      );
    case "release-skipped":
      return say(`${event.artifact} is marked failed and not taken`);
    case "drop-reading":
      return say(`reading ${event.artifact} before it is taken (${event.bytes} bytes)`);
    case "artifact-adopted":
      return say(`adopted ${event.artifact} (${event.bytes} bytes)`);
    case "adoption-unrecorded":
      return say(`${event.artifact} is adopted, but history does not tell it: ${event.message}`);
    case "archive-unpacked":
      return say(`unpacked ${event.archive} into ${event.artifact} (${event.files} files)`);
    case "storm":
      return say("many releases within seconds: takes the newest once they cease, in 5 s at the latest");
    case "turn-waiting":
      return say(`waits until another instance is back: pid ${event.pid} on ${event.host}`);
    case "turn-wait-ended":
      return event.waitedMs === 0 && event.end === "taken"
        ? undefined
        : say(turnLine(event.waitedMs, event.end));
    case "turn-failed":
      return say(`cannot take turns with other instances: ${event.message}`);
    case "watching":
    case "drop-waiting":
    case "release-found":
      return;
    default:
      return event satisfies never;
  }
}

function turnLine(waitedMs: number, end: "taken" | "too-long" | "not-needed"): string {
  const waited = `waited ${(waitedMs / 1000).toFixed(1)} s for its turn`;
  switch (end) {
    case "taken":
      return waited;
    case "too-long":
      return `${waited}, which is as long as may be`;
    case "not-needed":
      return `${waited}, and stays: the release failed elsewhere or was taken back`;
    default:
      return end satisfies never;
  }
}

/** What a drain did, in one line. */
export function reportLine(cause: string, reports: readonly DrainReport[]): string {
  const served = reports.reduce((sum, report) => sum + report.served, 0);
  const durationMs = Math.max(0, ...reports.map((report) => report.durationMs));
  const cuts = reports.flatMap((report) => report.cut);
  const meanwhile = `${served} requests served meanwhile${connectionWords(reports)}`;
  const drained = `drained in ${Math.round(durationMs)} ms (${cause}): ${meanwhile}`;
  if (cuts.length === 0) return `${drained}, nothing cut`;
  return `CUT ${cuts.length} at the deadline: ${cutList(cuts)}; ${drained}`;
}

/** " (connections: 2 idle, 1 request, 3 new)", by what they were doing at first; nothing where there was none. */
function connectionWords(reports: readonly DrainReport[]): string {
  const counts = new Map<string, number>();
  const add = (kind: string, count: number): unknown => counts.set(kind, (counts.get(kind) ?? 0) + count);
  for (const { connections, accepted } of reports) {
    for (const [kind, count] of Object.entries(connections)) add(kind, count);
    if (accepted > 0) add("new", accepted);
  }
  const words = [...counts].map(([kind, count]) => `${count} ${kind}`).join(", ");
  return words === "" ? "" : ` (connections: ${words})`;
}

const MOST_CUTS_NAMED = 20;

function cutList(cuts: readonly Cut[]): string {
  const named = cuts.slice(0, MOST_CUTS_NAMED).map(cutWords).join(", ");
  return cuts.length > MOST_CUTS_NAMED ? `${named}, and ${cuts.length - MOST_CUTS_NAMED} more` : named;
}

function cutWords({ kind, ageMs, method, path }: Cut): string {
  const request = method === undefined ? kind : `${kind} ${method} ${path ?? ""}`;
  return `${request} (${(ageMs / 1000).toFixed(1)} s)`;
}
