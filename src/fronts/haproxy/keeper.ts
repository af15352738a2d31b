// Runs by itself, one for each slot in use: keeps the artifact up until it is told to stop (SIGTERM). See slot.ts.
import { setTimeout as delay } from "node:timers/promises";
import { startChild, type Child } from "../../process/child.ts";
import type { SpawnCall } from "../../process/command.ts";
import type { SlotNumber } from "./front.ts";
import { removeSlot, startOf, writeSlot } from "./slot-record.ts";

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
/** One that ran so long has not failed to start: the pauses begin anew. */
const STEADY_MS = 10_000;

async function keep(order: KeeperOrder): Promise<void> {
  const since = new Date().toISOString();
  const stopping = new AbortController();
  let child: Child | undefined;
  process.on("SIGTERM", () => {
    stopping.abort();
    void child?.stop(order.stopMs);
  });
  let pauseMs = FIRST_PAUSE_MS;
  for (let restarts = 0; !stopping.signal.aborted; restarts += 1) {
    const startedAt = Date.now();
    child = await start(order);
    await writeSlot(order.folder, {
      slot: order.slot,
      artifact: order.artifact,
      port: order.port,
      keeper: process.pid,
      keeperStarted: startOf(process.pid) ?? "",
      pid: child.pid,
      since,
      restarts,
    });
    if (stopping.signal.aborted) void child.stop(order.stopMs);
    const { code, signal } = await child.exited;
    if (stopping.signal.aborted) await child.stop(order.stopMs);
    process.stdout.write(`${new Date().toISOString()} ${order.artifact} ended with ${code ?? signal}\n`);
    pauseMs = Date.now() - startedAt > STEADY_MS ? FIRST_PAUSE_MS : Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
  }
  await removeSlot(order.folder, order.slot);
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
