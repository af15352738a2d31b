import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SlotNumber } from "./front.ts";

/** What runs in one of the two places of a host; written by its keeper. */
export interface SlotRecord {
  readonly slot: SlotNumber;
  readonly artifact: string;
  readonly port: number;
  /** The keeper, and when it started in the system's own count: a pid alone may be somebody else's by now. */
  readonly keeper: number;
  readonly keeperStarted: string;
  /** The artifact's process. */
  readonly pid: number;
  /** ISO 8601. */
  readonly since: string;
  /** How often it ended by itself and was started again. */
  readonly restarts: number;
}

export function recordPath(folder: string, slot: SlotNumber): string {
  return join(folder, `slot-${slot}.json`);
}

export function logPath(folder: string, slot: SlotNumber): string {
  return join(folder, `slot-${slot}.log`);
}

/** undefined where nothing runs: no record, or its keeper has ended. */
export async function readSlot(folder: string, slot: SlotNumber): Promise<SlotRecord | undefined> {
  const text = await readFile(recordPath(folder, slot), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as SlotRecord;
    return startOf(record.keeper) === record.keeperStarted ? record : undefined;
  } catch {
    return undefined;
  }
}

export async function writeSlot(folder: string, record: SlotRecord): Promise<void> {
  const path = recordPath(folder, record.slot);
  await mkdir(folder, { recursive: true });
  await writeFile(`${path}.tmp`, `${JSON.stringify(record)}\n`);
  await rename(`${path}.tmp`, path);
}

export async function removeSlot(folder: string, slot: SlotNumber): Promise<void> {
  await rm(recordPath(folder, slot), { force: true });
}

/** When a process started; undefined when there is none. Where the system does not say, every start looks the same. */
export function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch {
    return undefined;
  }
  try {
    // The name in parentheses may hold anything; the 22nd field is the start. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return state === "Z" ? undefined : fields[18];
  } catch {
    return "unknown";
  }
}
