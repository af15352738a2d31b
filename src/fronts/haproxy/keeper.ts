// Runs by itself, one for each slot in use: keeps the artifact up until it is told to stop (SIGTERM). See slot.ts.
import { setTimeout as delay } from "node:timers/promises";
import { asInplaceError } from "../../errors.ts";
import { printableLines } from "../../printable.ts";
import { startChild, type Child } from "../../process/child.ts";
import type { SpawnCall } from "../../process/command.ts";
import { onDefect } from "../../process/last-resort.ts";
import type { SlotNumber } from "./front.ts";
import { removeSlot, startOf, writeSlot, type SlotRecord } from "./slot-record.ts";

/** What a keeper is told as its one argument, as JSON. */
export interface KeeperOrder {
  readonly folder: string;
  readonly slot: SlotNumber;
  readonly artifact: string;
  readonly port: number;
  readonly call: SpawnCall;
  readonly cwd: string;
  /** From SIGTERM to SIGKILL. */
  readonly stopMs: number;
}

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
    child = await start(order);
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
    pauseMs = Date.now() - startedAt > STEADY_MS ? FIRST_PAUSE_MS : Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
  }
  await removeSlot(order.folder, order.slot);
}

function say(text: string): void {
  process.stdout.write(`${new Date().toISOString()} ${printableLines(text)}\n`);
}

function start({ call, cwd, port }: KeeperOrder): Promise<Child> {
  // Without the site's root the artifact does not watch for a newer one: here it is told.
  const env = { ...process.env, PORT: String(port), HTTP_PLATFORM_PORT: String(port) };
  Reflect.deleteProperty(env, "INPLACE_SITE_ROOT");
  return startChild({
    call,
    cwd,
    env,
    onOutput: (chunk) => process.stdout.write(chunk),
  });
}

await keep(JSON.parse(process.argv[2] ?? "{}") as KeeperOrder);
