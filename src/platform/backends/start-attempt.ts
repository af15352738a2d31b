import { randomUUID } from "node:crypto";
import { asInplaceError, stackOf } from "../../errors.ts";
import { startChild } from "../../process/child.ts";
import { portAnswers } from "../../process/first-answer.ts";
import { endWithUs } from "../../process/orphan-guard.ts";
import { OwnPort, type Stranger } from "../../process/port-owner.ts";
import { choosePort, untilAccepts } from "../../process/port.ts";
import { EXIT_TEMPORARY } from "../../process/worker-messages.ts";
import { siteHost } from "../../site/site-config.ts";
import { markFailed, readLastGood } from "../../site/health-marks.ts";
import type { SiteLayout } from "../../site/layout.ts";
import { pointedArtifact } from "../../site/pointer.ts";
import { namesIn } from "../../site/present.ts";
import { Instance, type InstanceOwner } from "../instance.ts";
import type { Launch } from "../launch.ts";
import { launchesSupervisor } from "../launches-supervisor.ts";
import { refuseAltered } from "../refuse-altered.ts";
import { startedArtifact } from "../started-artifact.ts";

/** Why no process came up. */
export interface StartFailure {
  readonly problem: string;
  /** What it wrote last. */
  readonly output: string;
}

/** What is told of a start that somebody ended, and not the program. */
export const STOPPED_MEANWHILE = "It was stopped while it started.";

export interface AttemptFailure extends StartFailure {
  /** Not for what was started to answer for. */
  readonly temporary: boolean;
  /** Nothing was started, and another try would end as this one. */
  readonly certain?: boolean;
}

export interface StartAttempt {
  readonly launch: Launch;
  readonly owner: AttemptOwner;
  /** From 1. */
  readonly attempt: number;
  /** It is on trial beside what serves: it has to answer before it is ready, and who tries it judges it. */
  readonly onTrial: boolean;
  /** Ends it. */
  readonly signal: AbortSignal;
}

export interface AttemptOwner extends InstanceOwner {
  /** Another application is about to take this one's place. */
  readonly waits: boolean;
}

/**
 * Starts one process: it accepts on its port, or is ended and what was wrong is told. Never rejects: whatever is thrown on the
 * way to a process is a failed start of this one.
 */
export async function attemptStart(order: StartAttempt): Promise<Instance | AttemptFailure> {
  try {
    return await start(order);
  } catch (error) {
    const { code, message } = asInplaceError(error);
    const problem = code === "INTERNAL" ? `${code}: ${message}` : message;
    const { attempt, owner } = order;
    owner.events({ type: "backend-start-failed", pid: undefined, attempt, problem });
    return { problem, output: stackOf(error) ?? "", temporary: false, certain: code === "PROGRAM_MISSING" };
  }
}

async function start({
  launch,
  owner,
  attempt,
  onTrial,
  signal,
}: StartAttempt): Promise<Instance | AttemptFailure> {
  const { layout, startupTimeLimitMs } = launch;
  const port = await choosePort();
  const token = randomUUID();
  const options = launch.child(port, token);
  await refuseAltered(layout, launch.program, options.env);
  const supervises = await launchesSupervisor(layout);
  const answer = onTrial || (!launch.strict && !supervises && (await isUnproven(layout)));
  const since = Date.now();
  const failedBefore = new Set(await namesIn(layout.failed).catch(() => []));
  const child = await startChild(options);
  endWithUs(child);
  // At once and not when the waits below have ended: this process may be about to end itself.
  signal.addEventListener("abort", () => void child.kill(), { once: true });
  owner.events({ type: "backend-starting", pid: child.pid, port, attempt });
  const limit = AbortSignal.timeout(startupTimeLimitMs);
  const exit = new AbortController();
  void child.exited.then(() => exit.abort());
  const over = AbortSignal.any([signal, limit, exit.signal]);
  const up = await untilAccepts(port, over);
  const own = new OwnPort(port, { pid: child.pid, mark: token });
  const foreign = up ? await own.stranger() : undefined;
  const serves =
    up && foreign === undefined && (!answer || (await portAnswers(port, own, siteHost(layout.root), over)));
  const started = await startedArtifact(layout, since);
  const artifact = supervises ? undefined : started;
  if (serves && !signal.aborted && child.state.kind === "running")
    return new Instance({ child, port, own, token, artifact, since, failedBefore, supervises }, owner);
  const ended = child.state.kind === "exited";
  const elsewhere = ended || up ? [] : await own.elsewhere();
  const { code, signal: by } = await child.kill();
  const hung = !ended && foreign === undefined && limit.aborted && !signal.aborted;
  const ending = ended ? `ended with ${by ?? `code ${code ?? "unknown"}`}` : undefined;
  const problem =
    signal.aborted && !ended
      ? STOPPED_MEANWHILE
      : startProblem({ ending, foreign, up, elsewhere }, port, startupTimeLimitMs);
  if (hung && !onTrial)
    await markHung(launch, owner, supervises ? await pointedArtifact(layout) : started, problem);
  owner.events({ type: "backend-start-failed", pid: child.pid, attempt, problem });
  const temporary = foreign !== undefined || (ended && code === EXIT_TEMPORARY);
  return { problem, output: child.output.text(), temporary };
}

/**
 * The launcher, which marks what fails, was ended with it: the next start has to be the last good one's. A supervisor that it
 * started has tried both.
 */
async function markHung(
  { layout, strict }: Launch,
  owner: AttemptOwner,
  artifact: string | undefined,
  problem: string,
): Promise<void> {
  if (artifact === undefined || strict || owner.waits) return;
  try {
    if ((await readLastGood(layout)) !== artifact) await markFailed(layout, artifact, problem);
  } catch (error) {
    owner.events({ type: "health-unrecorded", problem: String(error) });
  }
}

/** Another artifact is the last good one, and starts where this one comes to nothing. */
async function isUnproven(layout: SiteLayout): Promise<boolean> {
  try {
    const lastGood = await readLastGood(layout);
    return lastGood !== undefined && lastGood !== (await pointedArtifact(layout));
  } catch {
    return false; // The launcher decides by what it can read.
  }
}

interface StartEnd {
  readonly ending: string | undefined;
  readonly foreign: Stranger | undefined;
  readonly up: boolean;
  readonly elsewhere: readonly string[];
}

function startProblem({ ending, foreign, up, elsewhere }: StartEnd, port: number, limitMs: number): string {
  if (foreign !== undefined) return `${nameOf(foreign)} listens on port ${port}.`;
  if (ending !== undefined) return `It ${ending} before it listened on port ${port}.`;
  if (up) return `It listened on port ${port} and did not answer GET / within ${limitMs / 1000} s.`;
  const other = elsewhere.length === 0 ? "" : `, but on ${elsewhere.join(", ")}`;
  return `It did not listen on port ${port} within ${limitMs / 1000} s${other}.`;
}

function nameOf({ pid, uid }: Stranger): string {
  if (pid !== undefined) return `Process ${pid}, another program,`;
  return `Account ${uid}, as which nothing runs that was started here,`;
}
