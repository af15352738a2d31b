// Runs by itself, one for each slot in use: keeps the artifact up until it is told to stop (SIGTERM). See slot.ts.
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { asInplaceError } from "../../errors.ts";
import { packageFile } from "../../package-files.ts";
import { printableLines } from "../../printable.ts";
import { startChild, type Child } from "../../process/child.ts";
import type { SpawnCall } from "../../process/command.ts";
import { onDefect } from "../../process/last-resort.ts";
import { NODE_PROGRAM } from "../../site/entry-point.ts";
import { siteLayout } from "../../site/layout.ts";
import { standardOutput } from "../../standard-streams.ts";
import { runnableFile } from "../../site/trust/runnable.ts";
import type { SlotNumber } from "./front.ts";
import { removeSlot, startOf, writeSlot, type SlotRecord } from "./slot-record.ts";

/** What a keeper is told as its one argument, as JSON. */
export interface KeeperOrder {
  readonly folder: string;
  readonly slot: SlotNumber;
  readonly artifact: string;
  readonly port: number;
  /** The site's. */
  readonly root: string;
  /** What was checked for the first start. */
  readonly entry: string;
  /** From SIGTERM to SIGKILL. */
  readonly stopMs: number;
}

const PRELOAD = pathToFileURL(packageFile("dist/runtime/bundle/register.mjs")).href;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** After a defect, beyond what the artifact may take to stop. */
const DEFECT_SLACK_MS = 5_000;
/** One that ran so long has not failed to start: the pauses begin anew. */
const STEADY_MS = 10_000;

async function keep(order: KeeperOrder): Promise<void> {
  const since = new Date().toISOString();
  const stopping = new AbortController();
  let child: Child | undefined;
  const stop = async (): Promise<void> => {
    stopping.abort();
    await child?.stop(order.stopMs);
  };
  process.on("SIGTERM", () => void stop());
  onDefect({
    report: (error) => say(`INTERNAL ${error instanceof Error ? String(error.stack) : String(error)}`),
    limitMs: order.stopMs + DEFECT_SLACK_MS,
    // Without a keeper the artifact would run on as nobody's.
    handOver: async () => {
      await stop();
      return false;
    },
  });
  let pauseMs = FIRST_PAUSE_MS;
  for (let restarts = 0; !stopping.signal.aborted; restarts += 1) {
    const startedAt = Date.now();
    child = await start(order, restarts).catch((error: unknown) => {
      say(asInplaceError(error).message);
      return undefined;
    });
    if (child === undefined) {
      pauseMs = await pause(pauseMs, startedAt, stopping.signal);
      continue;
    }
    const record: SlotRecord = {
      slot: order.slot,
      artifact: order.artifact,
      port: order.port,
      keeper: process.pid,
      keeperStarted: startOf(process.pid) ?? "",
      pid: child.pid,
      pidStarted: startOf(child.pid) ?? "",
      since,
      restarts,
    };
    // A full disk is no reason to end what serves; the record of the start before is right but for the artifact's process.
    await writeSlot(order.folder, record).catch((error: unknown) => say(asInplaceError(error).message));
    if (stopping.signal.aborted) void child.stop(order.stopMs);
    const { code, signal } = await child.exited;
    if (stopping.signal.aborted) await child.stop(order.stopMs);
    say(`${order.artifact} ended with ${code ?? signal}`);
    pauseMs = await pause(pauseMs, startedAt, stopping.signal);
  }
  await removeSlot(order.folder, order.slot);
}

/** The one before makes the next one longer. Milliseconds. */
async function pause(beforeMs: number, startedAt: number, signal: AbortSignal): Promise<number> {
  const steady = Date.now() - startedAt > STEADY_MS;
  const pauseMs = steady ? FIRST_PAUSE_MS : Math.min(2 * beforeMs, LONGEST_PAUSE_MS);
  await delay(pauseMs, undefined, { signal }).catch(() => undefined);
  return pauseMs;
}

function say(text: string): void {
  standardOutput.write(`${new Date().toISOString()} ${printableLines(text)}\n`);
}

/** What has run may have changed itself: each further start is checked like the first. */
async function start({ root, artifact, entry, port }: KeeperOrder, restarts: number): Promise<Child> {
  const program = restarts === 0 ? entry : await runnableFile(siteLayout(root), artifact);
  // Without the site's root the artifact does not watch for a newer one: here it is told.
  const env = { ...process.env, PORT: String(port), HTTP_PLATFORM_PORT: String(port) };
  Reflect.deleteProperty(env, "INPLACE_SITE_ROOT");
  return await startChild({
    call: callOf(program),
    cwd: root,
    env,
    onOutput: (chunk) => standardOutput.write(chunk),
  });
}

function callOf(entry: string): SpawnCall {
  if (NODE_PROGRAM.test(entry))
    return { file: process.execPath, args: ["--import", PRELOAD, entry], verbatim: false };
  if (entry.endsWith(".sh")) return { file: "/bin/sh", args: [entry], verbatim: false };
  return { file: entry, args: [], verbatim: false };
}

await keep(JSON.parse(process.argv[2] ?? "{}") as KeeperOrder);
