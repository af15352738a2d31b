import { spawn, type ChildProcess } from "node:child_process";
import { access, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { InplaceError } from "../../errors.ts";
import { packageFile } from "../../package-files.ts";
import { toldLines } from "../../process/output-tail.ts";
import { accepts } from "../../process/port.ts";
import { validArtifactName } from "../../site/artifact-name.ts";
import { TARGET_FOLDER, type SiteLayout } from "../../site/layout.ts";
import { makeFolders } from "../../site/records.ts";
import { runnableFile } from "../../site/trust/runnable.ts";
import { haproxyFolder, type SlotNumber } from "./front.ts";
import { becomesHealthy, type HealthCheck } from "./health.ts";
import type { KeeperOrder } from "./keeper.ts";
import { isOurs, logPath, readSlot, removeSlot, type SlotRecord } from "./slot-record.ts";

const KEEPER = packageFile("dist/fronts/haproxy/keeper.js");
const LOOK_AGAIN_MS = 25;
/** From the deadline of a stop to the certain end: the keeper kills by then. */
const STOP_MARGIN_MS = 5_000;

export interface StartOrder {
  readonly slot: SlotNumber;
  readonly artifact: string;
  readonly port: number;
  readonly health: HealthCheck;
  readonly startMs: number;
  readonly drainMs: number;
}

/** Starts an artifact in a slot that is free and waits until it is healthy. Throws START_FAILED; then nothing of it runs. */
export async function startSlot(layout: SiteLayout, order: StartOrder): Promise<SlotRecord> {
  const folder = haproxyFolder(layout);
  const path = join(layout.target, validArtifactName(order.artifact));
  await access(path).catch((cause: unknown) => {
    throw new InplaceError("ARTIFACT_MISSING", `There is no ${TARGET_FOLDER}/${order.artifact}.`, { cause });
  });
  await stopSlot(layout, order.slot, order.drainMs);
  if (await accepts(order.port, order.health.address)) {
    throw new InplaceError("PORT_IN_USE", `Another program listens on port ${order.port}.`);
  }
  const keeper = await launchKeeper({
    folder,
    slot: order.slot,
    artifact: order.artifact,
    port: order.port,
    root: layout.root,
    entry: await runnableFile(layout, order.artifact),
    stopMs: order.drainMs,
  });
  const failed = async (): Promise<string | undefined> => {
    const record = await readSlot(folder, order.slot);
    const alive = keeper.exitCode === null && (record === undefined || record.restarts === 0);
    return alive ? undefined : "it ended by itself";
  };
  const why = await becomesHealthy(order.health, order.startMs, failed);
  // On a busy machine the artifact may answer before its keeper has written who it is.
  const record = why === undefined ? await recorded(folder, order, failed) : undefined;
  if (record !== undefined) return record;
  const log = await lastLines(logPath(folder, order.slot));
  keeper.kill();
  await stopSlot(layout, order.slot, 0);
  const what = `${order.artifact} did not become healthy on port ${order.port}: ${why ?? "it ended"}.`;
  throw new InplaceError("START_FAILED", log === "" ? what : `${what}\n${log}`);
}

/** Stops what runs in a slot, killing it after limitMs. false: nothing ran there. */
export async function stopSlot(layout: SiteLayout, slot: SlotNumber, limitMs: number): Promise<boolean> {
  const folder = haproxyFolder(layout);
  const record = await readSlot(folder, slot);
  if (record === undefined) {
    await removeSlot(folder, slot);
    return false;
  }
  if (isOurs(record.keeper, record.keeperStarted)) signal(record.keeper, "SIGTERM");
  if (!(await ended(folder, slot, limitMs + (limitMs === 0 ? 0 : STOP_MARGIN_MS)))) {
    // Keeper and artifact lead a group of processes each.
    const last = (await readSlot(folder, slot)) ?? record;
    if (isOurs(record.keeper, record.keeperStarted)) signal(-record.keeper, "SIGKILL");
    for (const { pid, pidStarted } of [last, record]) if (isOurs(pid, pidStarted)) signal(-pid, "SIGKILL");
    await ended(folder, slot, STOP_MARGIN_MS);
    await removeSlot(folder, slot);
  }
  return true;
}

async function recorded(
  folder: string,
  { slot, startMs }: StartOrder,
  failed: () => Promise<string | undefined>,
): Promise<SlotRecord | undefined> {
  for (const deadline = Date.now() + startMs; Date.now() < deadline; await delay(LOOK_AGAIN_MS)) {
    const record = await readSlot(folder, slot);
    if (record !== undefined || (await failed()) !== undefined) return record;
  }
  return undefined;
}

async function launchKeeper(order: KeeperOrder): Promise<ChildProcess> {
  await makeFolders(order.folder);
  const path = logPath(order.folder, order.slot);
  await rm(path, { force: true });
  const log = await open(path, "wx");
  try {
    const keeper = spawn(process.execPath, [KEEPER, JSON.stringify(order)], {
      cwd: order.root,
      detached: true,
      env: { ...process.env, INPLACE_ARTIFACT: order.artifact, INPLACE_DRAIN_MS: String(order.stopMs) },
      stdio: ["ignore", log.fd, log.fd],
    });
    keeper.unref();
    return keeper;
  } finally {
    await log.close();
  }
}

async function ended(folder: string, slot: SlotNumber, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while ((await readSlot(folder, slot)) !== undefined) {
    if (Date.now() >= deadline) return false;
    await delay(LOOK_AGAIN_MS);
  }
  return true;
}

async function lastLines(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  return toldLines(text).join("\n");
}

function signal(pid: number, what: NodeJS.Signals): void {
  try {
    process.kill(pid, what);
  } catch {
    return; // It has ended meanwhile.
  }
}
