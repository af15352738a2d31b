import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { isListOf, isPid, isText, isTime, orAbsent, parseShape, withFields } from "../record-shape.ts";
import { writeFileAtomic } from "./atomic-file.ts";
import type { SiteLayout } from "./layout.ts";
import { hasEnded } from "./owned-file.ts";
import { exists } from "./present.ts";
import { readRecord, removeRecord } from "./records.ts";

/** A process that gets the site's requests. */
export interface ServingProcess {
  readonly pid: number;
  /** undefined: it is a supervisor, or says nothing of what it runs. */
  readonly artifact?: string | undefined;
}

/** The platform handler of a site, as its record says. */
export interface HandlerState {
  /** Where the site was: a copy of it has no handler yet. */
  readonly root: string;
  readonly host: string;
  readonly pid: number;
  /** Of the record's writer: a process may serve a site a second time. */
  readonly id: string;
  /** ISO 8601 */
  readonly since: string;
  readonly urls: readonly string[];
  readonly processes: readonly ServingProcess[];
}

const isHandlerState = withFields<HandlerState>({
  root: isText,
  host: isText,
  pid: isPid,
  id: isText,
  since: isTime,
  urls: isListOf(isText),
  processes: isListOf(withFields<ServingProcess>({ pid: isPid, artifact: orAbsent(isText) })),
});

/** The handler that serves the site; undefined where none says so, or has ended. Throws RECORD_UNSAFE. */
export async function readHandler(layout: SiteLayout): Promise<HandlerState | undefined> {
  const state = parseShape((await readRecord(layout.handler)) ?? "", isHandlerState);
  return state === undefined || state.root !== layout.root || hasEnded(state) ? undefined : state;
}

/** Keeps in the site which handler serves it, where, and by which processes: for who asks, never for who serves. */
export class HandlerRecord {
  readonly #layout: SiteLayout;
  readonly #failed: (error: unknown) => void;
  readonly #processes = new Map<number, ServingProcess>();
  readonly #id = randomUUID();
  readonly #since = new Date().toISOString();
  /** undefined: it does not serve yet, or no more. */
  #urls: readonly string[] | undefined;
  #changed = false;
  #writing: Promise<void> | undefined;

  constructor(layout: SiteLayout, failed: (error: unknown) => void) {
    this.#layout = layout;
    this.#failed = failed;
  }

  begin(urls: readonly string[]): void {
    this.#urls = urls;
    this.#write();
  }

  /** What a process that is there runs by now. */
  update(process: ServingProcess): void {
    if (this.#processes.has(process.pid)) this.add(process);
  }

  add(process: ServingProcess): void {
    this.#processes.set(process.pid, process);
    this.#write();
  }

  remove(pid: number): void {
    this.#processes.delete(pid);
    this.#write();
  }

  /** Nothing is written from now on: another handler may be about to. */
  leave(): void {
    this.#urls = undefined;
  }

  /** Another handler's record stays. */
  async end(): Promise<void> {
    this.leave();
    await this.#writing;
    const id = (await readHandler(this.#layout).catch(() => undefined))?.id;
    if (id === this.#id) await removeRecord(this.#layout, this.#layout.handler).catch(this.#failed);
  }

  #write(): void {
    this.#changed = true;
    if (this.#urls === undefined) return;
    this.#writing ??= this.#writeChanges().catch(this.#failed);
  }

  async #writeChanges(): Promise<void> {
    try {
      for (let urls = this.#urls; this.#changed && urls !== undefined; urls = this.#urls) {
        this.#changed = false;
        const { root, handler } = this.#layout;
        // The folder of a site that was removed must not come back, nor what a handler said to whom another succeeded.
        if (!(await exists(root)) || (await this.#isSucceeded())) return;
        await writeFileAtomic(this.#layout, handler, JSON.stringify(this.#state(urls)));
      }
    } finally {
      this.#writing = undefined;
    }
  }

  async #isSucceeded(): Promise<boolean> {
    const there = await readHandler(this.#layout).catch(() => undefined);
    return there !== undefined && there.id !== this.#id && there.since >= this.#since;
  }

  #state(urls: readonly string[]): HandlerState {
    const { root } = this.#layout;
    const processes = [...this.#processes.values()];
    return { root, host: hostname(), pid: process.pid, id: this.#id, since: this.#since, urls, processes };
  }
}
