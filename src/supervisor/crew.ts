import type { Front } from "./front.ts";
import type { Failure } from "./proof.ts";
import type { SupervisorStatus } from "./requests.ts";
import type { Drained, Worker } from "./worker.ts";

interface ParkedWorker {
  readonly worker: Worker;
  readonly drained: Promise<Drained | undefined>;
}

/** A place for one worker that serves, and for the one before it while its successor is on probation. */
interface Slot {
  serving: Worker | undefined;
  parked: ParkedWorker | undefined;
}

/** The workers: who serves, who is parked, who is on the way out. */
export class Crew {
  readonly #front: Front;
  readonly #drainMs: number;
  readonly #slots: readonly Slot[];
  readonly #leaving = new Set<Promise<unknown>>();
  /** A serving worker ended, or let nobody in any more, without being asked to. */
  onDeath: (worker: Worker, slot: number, failure: Failure) => void = () => undefined;

  constructor(front: Front, options: { readonly workers: number; readonly drainMs: number }) {
    this.#front = front;
    this.#drainMs = options.drainMs;
    this.#slots = Array.from({ length: options.workers }, () => ({ serving: undefined, parked: undefined }));
  }

  get size(): number {
    return this.#slots.length;
  }

  /** Those that serve, for the status. */
  get workers(): SupervisorStatus["workers"] {
    return this.#slots.flatMap(({ serving }) => {
      if (serving === undefined) return [];
      const { pid, artifact, startedAt } = serving;
      return [{ pid, artifact, startedAt: new Date(startedAt).toISOString() }];
    });
  }

  isVacant(slot: number): boolean {
    return this.#at(slot).serving === undefined;
  }

  /**
   * Gives a worker the socket, then takes it from the one that served and parks that. Gives the result of its drain,
   * undefined where nobody served. Rejects with START_FAILED if the worker does not take the socket.
   */
  async admit(
    slot: number,
    worker: Worker,
  ): Promise<{ readonly drained: Promise<Drained | undefined> } | undefined> {
    await this.#serve(slot, worker);
    const place = this.#at(slot);
    const before = place.serving;
    place.serving = worker;
    if (before === undefined) return undefined;
    this.#front.take(before);
    const parked = { worker: before, drained: before.park(this.#drainMs) };
    if (place.parked !== undefined) this.#dismiss(place.parked.worker);
    place.parked = parked;
    return parked;
  }

  /** Gives a worker the socket and a vacant place, unless meanwhile somebody has it, or it is not wanted any more. */
  async fill(slot: number, worker: Worker, wanted: () => boolean): Promise<void> {
    await this.#serve(slot, worker);
    if (this.isVacant(slot) && wanted()) {
      this.#at(slot).serving = worker;
      return;
    }
    this.#front.take(worker);
    this.#dismiss(worker);
  }

  /** Workers on trial go, those that they replaced serve again. Gives whether one does, and the slots that have nobody now. */
  async returnParked(
    onTrial: (worker: Worker) => boolean,
  ): Promise<{ readonly returned: boolean; readonly vacant: readonly number[] }> {
    let returned = false;
    for (const [slot, place] of this.#slots.entries()) {
      const { parked, serving } = place;
      place.parked = undefined;
      if (parked?.worker.running === true && (await this.#servesAgain(slot, parked.worker))) {
        place.serving = parked.worker;
        returned = true;
      }
      if (serving === undefined || !onTrial(serving)) continue;
      if (place.serving === serving) place.serving = undefined;
      this.#front.take(serving);
      this.#dismiss(serving);
    }
    return { returned, vacant: [...this.#slots.keys()].filter((slot) => this.isVacant(slot)) };
  }

  /** The successors have proved themselves. */
  dismissParked(): void {
    for (const place of this.#slots) {
      if (place.parked !== undefined) this.#dismiss(place.parked.worker);
      place.parked = undefined;
    }
  }

  /** Visitors' requests that all of them have had; undefined if one does not answer, or is a program. */
  async requests(): Promise<number | undefined> {
    const workers = this.#slots.flatMap(({ serving, parked }) =>
      [serving ?? [], parked?.worker ?? []].flat(),
    );
    const counts = await Promise.all(workers.map((worker) => worker.requests()));
    return counts.reduce(
      (sum, count) => (sum === undefined || count === undefined ? undefined : sum + count),
      0,
    );
  }

  /** Everybody drains and ends, within the deadline of the drain. last: nobody else accepts from the socket. */
  async stop(last: boolean): Promise<void> {
    if (last) this.#front.close();
    this.dismissParked();
    for (const place of this.#slots) {
      if (place.serving !== undefined) this.#leave(place.serving.stop(this.#drainMs, last));
      place.serving = undefined;
    }
    await Promise.all(this.#leaving);
  }

  async #serve(slot: number, worker: Worker): Promise<void> {
    await this.#front.give(worker);
    const ended = new AbortController();
    void worker.exited.then(({ code, signal }) => {
      ended.abort();
      this.#lost(slot, worker, { kind: "exited", code, signal });
    });
    const closed = (): void => {
      // What it has may still be answered.
      if (this.#lost(slot, worker, { kind: "closed" })) this.#dismiss(worker);
    };
    worker.heard("closed", ended.signal).then(closed, () => undefined);
  }

  #lost(slot: number, worker: Worker, failure: Failure): boolean {
    const place = this.#at(slot);
    if (place.serving !== worker) return false;
    place.serving = undefined;
    this.#front.take(worker);
    this.onDeath(worker, slot, failure);
    return true;
  }

  async #servesAgain(slot: number, worker: Worker): Promise<boolean> {
    return await this.#serve(slot, worker).then(
      () => true,
      () => false,
    );
  }

  #dismiss(worker: Worker): void {
    this.#leave(worker.stop(this.#drainMs, false));
  }

  #leave(gone: Promise<unknown>): void {
    this.#leaving.add(gone);
    void gone.finally(() => this.#leaving.delete(gone));
  }

  #at(slot: number): Slot {
    const found = this.#slots[slot];
    if (found === undefined) throw new RangeError(`There is no slot ${slot}.`);
    return found;
  }
}
