import { readFileSync, statSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isPid, isText, isTime, isWhole, parseShape, withFields } from "../../record-shape.ts";
import { makeFolders, readRecord } from "../../site/records.ts";
import { isSlotNumber, type SlotNumber } from "./front.ts";

/** What runs in one of the two places of a host; written by its keeper. */
export interface SlotRecord {
  readonly slot: SlotNumber;
  readonly artifact: string;
  readonly port: number;
  /** The keeper, and when it started in the system's own count: a pid alone may be somebody else's by now. */
  readonly keeper: number;
  readonly keeperStarted: string;
  /** The artifact's process, and when it started. */
  readonly pid: number;
  readonly pidStarted: string;
  /** ISO 8601. */
  readonly since: string;
  /** How often it ended by itself and was started again. */
  readonly restarts: number;
}

export const isSlotRecord = withFields<SlotRecord>({
  slot: isSlotNumber,
  artifact: isText,
  port: isWhole,
  keeper: isPid,
  keeperStarted: isText,
  pid: isPid,
  pidStarted: isText,
  since: isTime,
  restarts: isWhole,
});

export function recordPath(folder: string, slot: SlotNumber): string {
  return join(folder, `slot-${slot}.json`);
}

export function logPath(folder: string, slot: SlotNumber): string {
  return join(folder, `slot-${slot}.log`);
}

/** undefined where nothing runs: no record, or its keeper has ended. */
export async function readSlot(folder: string, slot: SlotNumber): Promise<SlotRecord | undefined> {
  const text = await readRecord(recordPath(folder, slot));
  const record = parseShape(text ?? "", isSlotRecord);
  return record !== undefined && isOurs(record.keeper, record.keeperStarted) ? record : undefined;
}

export async function writeSlot(folder: string, record: SlotRecord): Promise<void> {
  const path = recordPath(folder, record.slot);
  await makeFolders(folder);
  await rm(`${path}.tmp`, { force: true });
  await writeFile(`${path}.tmp`, `${JSON.stringify(record)}\n`, { flag: "wx" });
  await rename(`${path}.tmp`, path);
}

export async function removeSlot(folder: string, slot: SlotNumber): Promise<void> {
  await rm(recordPath(folder, slot), { force: true });
}

/** Whether it is the process that was recorded, and of this account: none else is ever sent a signal. */
export function isOurs(pid: unknown, started: unknown): pid is number {
  // 1 is the system's first process, and with a minus before it every process that there is.
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 1) return false;
  return startOf(pid) === started && ownerOf(pid) === process.geteuid?.();
}

function ownerOf(pid: number): number | undefined {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return process.geteuid?.(); // Where the system does not say: it was let us signal it.
  }
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
