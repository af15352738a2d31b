import { randomUUID } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Sample } from "../rig/load.ts";
import { freePort } from "../rig/free-port.ts";
import { startProgram, type Program } from "../rig/program.ts";
import type { Cleanup } from "../rig/temporary-site.ts";
import { until } from "../rig/until.ts";
import type { Front } from "./app.ts";
import { processesOf } from "./ended.ts";
import { environment } from "./environment.ts";
import { COMMAND, type AppFolder } from "./folder.ts";
import { startVisits, answers, type Visits } from "./visits.ts";

const START_MS = 60_000;
const TRIAL_MS = 20_000;
const WAIT = "60s";
/** Visits between the return of a deploy and the next. */
const BETWEEN_MS = 1_500;
/** The old release may answer one last request per kept connection for 5 s after the switch. */
const STALE_AFTER_MS = 6_000;
/** Probation of 10 s and a drain of 30 s. */
const GONE_MS = 45_000;
/** All processes of the system are looked through for one look. */
const LOOK_AGAIN_MS = 250;

export interface Swap {
  readonly version: string;
  readonly bad: boolean;
  readonly exitCode: number | null;
  readonly deployMs: number;
  /** From the pointer's change to the first answer. */
  readonly swapMs: number | undefined;
}

/** What became of an app behind one front. */
export interface Outcome {
  readonly sent: number;
  /** By kind of failure, and "stale": answered by an old release long after the swap. */
  readonly lost: Readonly<Record<string, number>>;
  readonly swaps: readonly Swap[];
  readonly longestMs: number;
  /** What should not have been, in sentences; empty for an app that passed. */
  readonly faults: readonly string[];
}

interface Live {
  readonly version: string;
  readonly startedAt: number;
  readonly returnedAt: number;
}

/** Whether the folder's first release can be served as it is; why not. */
export async function tryOnce(t: Cleanup, folder: AppFolder): Promise<string | undefined> {
  await folder.forget();
  await folder.commit("v1");
  const deployed = await folder.inplace("deploy");
  if (deployed.code !== 0) return `deploy: ${deployed.output.trim().slice(0, 300)}`;
  const [front = "serve"] = folder.app.fronts ?? [];
  const { port, program } = await startFront(t, folder, front);
  const instead = await answers(folder.app, folder.path, port, "v1", TRIAL_MS);
  await program.interrupt();
  return instead === undefined ? undefined : `${front}: ${instead}`;
}

/** The whole story: v1, then v2, a bad v3, a mended v4 and v5 under load. Rejects where v1 never answers. */
export async function swapUnderLoad(t: Cleanup, folder: AppFolder, front: Front): Promise<Outcome> {
  const { app } = folder;
  await folder.forget();
  await folder.commit("v1");
  const first = await folder.inplace("deploy");
  if (first.code !== 0) throw new Error(`deploy of v1 ended with ${first.code}:\n${first.output}`);
  const { port, program } = await startFront(t, folder, front);
  const instead = await answers(app, folder.path, port, "v1", START_MS);
  if (instead !== undefined) {
    await program.interrupt();
    throw new Error(`v1 is not answered: ${instead}\n${program.output.slice(-2000)}`);
  }
  const visits = await startVisits(app, folder.path, port);
  const story = await tellStory(folder, visits);
  const samples = await visits.stop();
  const faults = [...story.faults, ...(await oldProcesses(folder))];
  const { code } = await program.interrupt();
  if (code !== 0 && code !== 130) faults.push(`${front} ended with ${code}`);
  const left = await processesOf(folder.path);
  if (left.length > 0) faults.push(`${left.length} processes are left after ${front} has ended`);
  return judge(samples, story, faults);
}

async function startFront(
  t: Cleanup,
  folder: AppFolder,
  front: Front,
): Promise<{ readonly port: number; readonly program: Program }> {
  const port = await freePort();
  const args = [COMMAND, front, "--port", String(port), "--host", "127.0.0.1"];
  const env = environment({ INPLACE_APPS: randomUUID() });
  return { port, program: startProgram(t, process.execPath, args, { cwd: folder.path, env }) };
}

interface Story {
  readonly live: readonly (Live & { readonly pointerAt: number })[];
  readonly swaps: readonly Omit<Swap, "swapMs">[];
  readonly faults: readonly string[];
}

async function tellStory(folder: AppFolder, visits: Visits): Promise<Story> {
  const live: (Live & { pointerAt: number })[] = [
    { version: "v1", startedAt: 0, returnedAt: Date.now(), pointerAt: 0 },
  ];
  const swaps: Omit<Swap, "swapMs">[] = [];
  const faults: string[] = [];
  await delay(BETWEEN_MS);
  for (const version of ["v2", "v3", "v4", "v5"]) {
    const bad = version === "v3";
    await folder.commit(version, bad);
    const startedAt = Date.now();
    const { code, output } = await folder.inplace("deploy", "--wait", WAIT);
    const returnedAt = Date.now();
    swaps.push({ version, bad, exitCode: code, deployMs: returnedAt - startedAt });
    if (bad && code === 0) faults.push("the bad build went live");
    if (!bad && code !== 0) faults.push(`deploy of ${version} ended with ${code}: ${firstLines(output)}`);
    if (!bad) {
      const pointer = join(folder.path, "_artifact.txt");
      const pointerAt = (await readFile(pointer, "utf8")) === "" ? startedAt : (await stat(pointer)).mtimeMs;
      live.push({ version, startedAt, returnedAt, pointerAt });
    }
    await delay(BETWEEN_MS);
  }
  await until("v5 is answered", () => visits.version === "v5", START_MS).catch((error: unknown) => {
    faults.push(`${String(error)}; the last answer is ${visits.version}`);
  });
  return { live, swaps, faults };
}

function judge(samples: readonly Sample[], story: Story, faults: readonly string[]): Outcome {
  const lost: Record<string, number> = {};
  const examples: string[] = [];
  for (const sample of samples) {
    const kind = sample.failure ?? (isStale(sample, story.live) ? "stale" : undefined);
    if (kind === undefined) continue;
    lost[kind] = (lost[kind] ?? 0) + 1;
    if (lost[kind] === 1) examples.push(`${kind}: ${sample.detail ?? sample.version ?? ""}`);
  }
  const swaps = story.swaps.map((swap) => {
    const pointerAt = story.live.find(({ version }) => version === swap.version)?.pointerAt;
    const firstAt = samples.filter(({ version }) => version === swap.version).map(({ doneAt }) => doneAt);
    const known = pointerAt !== undefined && firstAt.length > 0;
    return { ...swap, swapMs: known ? Math.max(0, Math.round(Math.min(...firstAt) - pointerAt)) : undefined };
  });
  if (samples.some(({ version }) => version === "v3"))
    faults = [...faults, "visitors were answered by the bad build"];
  const longestMs = Math.max(0, ...samples.map(({ dueAt, doneAt }) => doneAt - dueAt));
  return { sent: samples.length, lost, swaps, longestMs, faults: [...faults, ...examples] };
}

/** Whether it was answered by neither the release of its time nor, shortly after a swap, the one before. */
function isStale({ version, sentAt, doneAt }: Sample, live: readonly Live[]): boolean {
  const settled = live.findLastIndex(({ returnedAt }) => returnedAt + STALE_AFTER_MS < sentAt);
  const allowed = live.slice(Math.max(0, settled)).filter(({ startedAt }) => startedAt <= doneAt);
  return !allowed.some((one) => one.version === version);
}

async function oldProcesses(folder: AppFolder): Promise<readonly string[]> {
  const pointer = await readFile(join(folder.path, "_artifact.txt"), "utf8").catch(() => "");
  const current = pointer.trim().split(/[\\/]/).at(-1);
  const old = async () =>
    (await processesOf(folder.path)).filter(({ artifact }) => artifact !== "" && artifact !== current);
  try {
    await until("old processes have ended", async () => (await old()).length === 0, GONE_MS, LOOK_AGAIN_MS);
    return [];
  } catch {
    return [`processes of old releases run on: ${(await old()).map(({ artifact }) => artifact).join(", ")}`];
  }
}

function firstLines(output: string): string {
  return output.trim().split("\n").slice(-3).join(" ").slice(0, 300);
}
