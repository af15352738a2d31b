import type { BigIntStats } from "node:fs";
import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { isObject, isText, parseShape, withFields, type Check } from "../record-shape.ts";
import { writeFileAtomic } from "./atomic-file.ts";
import type { SiteLayout } from "./layout.ts";
import { exists } from "./present.ts";
import { makeFolder, readRecord } from "./records.ts";

/** Names of ten thousand old artifacts, each at its longest, fit. Bytes. */
const LONGEST = 8 * 1024 * 1024;

/** What the record says; `folder` is where it was written. */
interface LeftAloneRecord {
  readonly schemaVersion: 1;
  readonly folder: FolderStamp;
  /** For each name, what printOf gave. */
  readonly names: Readonly<Record<string, string>>;
}

/** Two that are equal are one folder; where a file system does not know when it was made, that is "". */
interface FolderStamp {
  readonly ino: string;
  readonly madeAt: string;
}

/** Whether what lies in the target folder at the first look may be there since somebody copied the site. */
export type Origin = "known" | "copied";

const isNames: Check<Readonly<Record<string, string>>> = (value): value is Readonly<Record<string, string>> =>
  isObject(value) && Object.values(value).every(isText);

const isRecord = withFields<LeftAloneRecord>({
  schemaVersion: (value) => value === 1,
  folder: withFields<FolderStamp>({ ino: isText, madeAt: isText }),
  names: isNames,
});

/**
 * What lies in the target folder, is no release, and was there before the current one: a record in the site, since times alone
 * do not tell. A copy of the site, a backup that is put back, chmod and chown give old files new times. Not to be used in parallel.
 */
export class LeftAlone {
  readonly #layout: SiteLayout;
  #prints = new Map<string, string>();
  #changed = false;

  constructor(layout: SiteLayout) {
    this.#layout = layout;
  }

  /** copied: the record is another folder's, or nothing is kept of the site. Of what earlier versions kept, times have to do. */
  async open(): Promise<Origin> {
    const own = dirname(this.#layout.leftAlone);
    const record = await read(this.#layout);
    // Also of a site at rest, so that a copy of it is known as one.
    this.#changed = record === undefined;
    if (record === undefined) return (await exists(this.#layout.manifests)) ? "known" : "copied";
    this.#changed = !isSame(record.folder, await stampOf(own));
    if (this.#changed) return "copied";
    this.#prints = new Map(Object.entries(record.names));
    return "known";
  }

  /** Whether it is as it was when it was left alone; its permissions and owner may be others. */
  has(name: string, stats: BigIntStats): boolean {
    return this.#prints.get(name) === printOf(stats);
  }

  add(name: string, stats: BigIntStats): void {
    const print = printOf(stats);
    if (this.#prints.get(name) === print) return;
    this.#prints.set(name, print);
    this.#changed = true;
  }

  /** Of what is still there. Where nothing can be written, no drop is adopted either, and that is said. */
  async save(there: ReadonlySet<string>): Promise<void> {
    for (const name of this.#prints.keys()) if (!there.has(name)) this.#changed = this.#prints.delete(name);
    if (!this.#changed) return;
    this.#changed = false;
    await write(this.#layout, this.#prints).catch(() => undefined); // The next change writes all of it.
  }
}

/** For who publishes before anybody has looked: so that a copy of the site is known as one. */
export async function recordPlace(layout: SiteLayout): Promise<void> {
  if (!(await exists(layout.leftAlone))) await write(layout, new Map());
}

async function read({ leftAlone }: SiteLayout): Promise<LeftAloneRecord | undefined> {
  const text = await readRecord(leftAlone, LONGEST).catch(() => undefined); // It is made anew.
  return parseShape(text ?? "", isRecord);
}

async function write(layout: SiteLayout, prints: ReadonlyMap<string, string>): Promise<void> {
  const own = dirname(layout.leftAlone);
  await makeFolder(layout, own);
  const record: LeftAloneRecord = {
    schemaVersion: 1,
    folder: await stampOf(own),
    names: Object.fromEntries(prints),
  };
  await writeFileAtomic(layout, layout.leftAlone, `${JSON.stringify(record)}\n`);
}

/** By what its content is known without reading it. */
function printOf(stats: BigIntStats): string {
  return stats.isDirectory() ? `folder ${stats.mtimeNs}` : `${stats.size} ${stats.mtimeNs}`;
}

async function stampOf(folder: string): Promise<FolderStamp> {
  const stats = await lstat(folder, { bigint: true }).catch(() => undefined);
  if (stats === undefined) return { ino: "none", madeAt: "" };
  const { ino, birthtimeNs, ctimeNs } = stats;
  // Where it is not known, systems give 0 or the last change.
  const madeAt = birthtimeNs === 0n || birthtimeNs === ctimeNs ? "" : String(birthtimeNs);
  return { ino: String(ino), madeAt };
}

function isSame(one: FolderStamp, other: FolderStamp): boolean {
  return one.ino === other.ino && (one.madeAt === other.madeAt || one.madeAt === "" || other.madeAt === "");
}
