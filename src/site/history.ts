import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { dirname } from "node:path";
import { isObject, isOneOf, isText, isTime, orAbsent, parseShape, withFields } from "../record-shape.ts";
import type { SiteLayout } from "./layout.ts";
import { asRecordError, makeFolder, openPlain, readEndOfRecord } from "./records.ts";

export const HISTORY_EVENTS = ["published", "adopted", "live", "rolled-back", "failed", "pruned"] as const;
export type HistoryEvent = (typeof HISTORY_EVENTS)[number];

/** How much of the history's end counts as recent. */
const RECENT_BYTES = 8_192;
/** Older records than this much holds tell nobody anything, and a full memory ends the reader. Bytes. */
const LONGEST_HISTORY = 64 * 1024 * 1024;
const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;

export interface HistoryRecord {
  /** ISO 8601. */
  readonly at: string;
  readonly event: HistoryEvent;
  readonly artifact: string;
  /** user@host */
  readonly by: string;
  readonly reason?: string;
  readonly commit?: string;
  readonly subject?: string;
  /** Of a release that a supervisor made live: what the swap cost, as docs/supervise.md lists it. */
  readonly swap?: object;
}

const isRecord = withFields<HistoryRecord>({
  at: isTime,
  event: isOneOf(...HISTORY_EVENTS),
  artifact: isText,
  by: isText,
  reason: orAbsent(isText),
  commit: orAbsent(isText),
  subject: orAbsent(isText),
  swap: orAbsent(isObject),
});

export interface History {
  /** As things happened, oldest first. */
  readonly records: readonly HistoryRecord[];
  /** Lines that are no record: torn by a crash or edited by hand. */
  readonly damagedLines: number;
}

/** Appends a line each, in one write, so that processes may append at the same time. */
export async function appendHistory(
  layout: SiteLayout,
  ...records: readonly (Omit<HistoryRecord, "at" | "by"> & { readonly at?: string })[]
): Promise<void> {
  if (records.length === 0) return;
  const by = whoami();
  const at = new Date().toISOString();
  const lines = records.map((record) => `${JSON.stringify({ at, by, ...record })}\n`).join("");
  try {
    await makeFolder(layout, dirname(layout.history));
    const file = await openPlain(layout.history, APPEND);
    try {
      await file.appendFile(`${(await endsTorn(file)) ? "\n" : ""}${lines}`);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw asRecordError(error, layout.history);
  }
}

/** The last records, about fifty, oldest first: in the time that it takes to read one block, however long the history is. */
export async function readRecentHistory(layout: SiteLayout): Promise<readonly HistoryRecord[]> {
  // The first line of a block is half a record mostly, which is none.
  const text = (await readEndOfRecord(layout.history, RECENT_BYTES)) ?? "";
  return text
    .split("\n")
    .map((line) => parseShape(line, isRecord))
    .filter((record) => record !== undefined);
}

export async function readHistory(layout: SiteLayout): Promise<History> {
  const text = (await readEndOfRecord(layout.history, LONGEST_HISTORY)) ?? "";
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const records = lines.map((line) => parseShape(line, isRecord)).filter((record) => record !== undefined);
  return {
    records: inOrder(records).filter(saysSomethingNew()),
    damagedLines: lines.length - records.length,
  };
}

const WRITTEN_LATE: ReadonlySet<HistoryEvent> = new Set(["live", "failed"]);

/**
 * What is written later than it happened is put where it belongs: a release is told to be live when it has proved itself, a
 * launcher's failure when somebody looks. All else stays as written: it comes from machines whose clocks may differ.
 */
function inOrder(records: readonly HistoryRecord[]): HistoryRecord[] {
  const ordered: HistoryRecord[] = [];
  for (const record of records) {
    let place = ordered.length;
    if (WRITTEN_LATE.has(record.event)) while (comesBefore(record, ordered[place - 1])) place -= 1;
    ordered.splice(place, 0, record);
  }
  return ordered;
}

/** Not before what is told of the same artifact: that it was published, above all. */
function comesBefore(record: HistoryRecord, other: HistoryRecord | undefined): boolean {
  if (other === undefined || other.artifact === record.artifact) return false;
  return Date.parse(record.at) < Date.parse(other.at);
}

// The app and its platform handler see at the same moment that it is live, and both say so.
function saysSomethingNew(): (record: HistoryRecord) => boolean {
  const last = new Map<string, HistoryEvent>();
  return ({ event, artifact }) => {
    const repeated = event === "live" && last.get(artifact) === "live";
    last.set(artifact, event);
    return !repeated;
  };
}

async function endsTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  await file.read(last, 0, 1, size - 1);
  return last[0] !== 0x0a;
}

function whoami(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `unknown@${hostname()}`; // Accounts of app pools and containers may have no name.
  }
}
