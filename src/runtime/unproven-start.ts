/** The start of a release that never proved itself: who started it may end it before it listens, and nobody else would know why. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { isOneOf, isPid, isText, parseShape, withFields } from "../record-shape.ts";
import { markFailed, readLastGood } from "../site/health-marks.ts";
import type { SiteLayout } from "../site/layout.ts";
import { hasEnded, thisProcess } from "../site/owned-file.ts";
import { namesIn } from "../site/present.ts";

/** What is ended earlier than this was hardly ended for being slow, milliseconds. */
const LATE_MS = 2_000;
const RUNNING_MS = 500;

interface StartRecord {
  readonly artifact: string;
  readonly host: string;
  readonly pid: number;
  /** ISO 8601 */
  readonly since: string;
  /** loading: nothing but the app's own code has run. late: after LATE_MS it did not listen yet. */
  readonly state: "loading" | "running" | "late";
}

const isStartRecord = withFields<StartRecord>({
  artifact: isText,
  host: isText,
  pid: isPid,
  since: isText,
  state: isOneOf("loading", "running", "late"),
});

export interface UnprovenStart {
  /** Why it is not to start: the start before it was ended while it did not listen. Then it is marked failed. */
  readonly refused: string | undefined;
  /** It listens where visitors come. */
  listens(): void;
}

export interface StartLimit {
  readonly ms: number;
  /** It does not listen after that, and is marked failed. */
  readonly over: (reason: string) => void;
  /** Where it listens instead. */
  readonly elsewhere: () => readonly number[];
}

/**
 * Watches the start of an artifact while another one is the last good: where that is over without a port that listens, or was
 * ended from outside before, the artifact is marked failed, and the launcher starts the last good one. undefined: there is
 * nothing to go back to, or nothing to prove.
 */
export async function watchStart(
  layout: SiteLayout,
  artifact: string,
  limit: StartLimit,
): Promise<UnprovenStart | undefined> {
  const lastGood = await readLastGood(layout);
  if (lastGood === undefined || lastGood === artifact) return undefined;
  const hung = await takeEnded(layout, artifact);
  if (hung !== undefined) {
    const seconds = Math.round((Date.now() - Date.parse(hung.since)) / 1000);
    const reason = `It did not listen, and was ended from outside (started ${seconds} s ago).`;
    await markFailed(layout, artifact, reason);
    return { refused: reason, listens: () => undefined };
  }
  return watch(layout, artifact, limit);
}

function watch(layout: SiteLayout, artifact: string, { ms, over, elsewhere }: StartLimit): UnprovenStart {
  const { id, host, pid, since } = thisProcess();
  const file = join(layout.starting, id);
  const tell = (state: StartRecord["state"]): void =>
    attempt(() => {
      writeFileSync(`${file}.tmp`, JSON.stringify({ artifact, host, pid, since, state }));
      renameSync(`${file}.tmp`, file);
    });
  attempt(() => mkdirSync(layout.starting, { recursive: true }));
  tell("loading");
  const end = async (): Promise<void> => {
    const ports = elsewhere().join(", ");
    const reason = `It did not listen on PORT within ${ms / 1000} s${ports === "" ? "" : `, but on port ${ports}`}.`;
    await markFailed(layout, artifact, reason);
    over(reason);
  };
  const timers = [
    setTimeout(() => tell("running"), RUNNING_MS),
    setTimeout(() => tell("late"), LATE_MS),
    // What cannot be marked would be started again.
    setTimeout(() => void end().catch(() => undefined), ms),
  ];
  for (const timer of timers) timer.unref();
  const listens = (): void => {
    timers.forEach(clearTimeout);
    process.off("exit", listens);
    attempt(() => rmSync(file, { force: true }));
  };
  // Its own end is the launcher's to judge.
  process.on("exit", listens);
  return { refused: undefined, listens };
}

/** Removes what ended processes of this machine left; gives the one of this artifact that was ended for not listening. */
async function takeEnded(layout: SiteLayout, artifact: string): Promise<StartRecord | undefined> {
  let hung: StartRecord | undefined;
  for (const name of await namesIn(layout.starting)) {
    const file = join(layout.starting, name);
    const record = parseShape(readText(file), isStartRecord);
    if (record === undefined || !isOver(record)) continue;
    attempt(() => rmSync(file, { force: true }));
    if (record.artifact === artifact && wasHung(record)) hung = record;
  }
  return hung;
}

/** In a container that starts again, the process before this one had its number. */
function isOver({ host, pid }: StartRecord): boolean {
  return hasEnded({ host, pid }) || (host === hostname() && pid === process.pid);
}

function wasHung({ state, since }: StartRecord): boolean {
  return state === "late" || (state === "loading" && Date.now() - Date.parse(since) > LATE_MS);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** What cannot be written keeps no app from starting. */
function attempt(work: () => unknown): void {
  try {
    work();
  } catch {
    return;
  }
}
