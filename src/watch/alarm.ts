import { performance } from "node:perf_hooks";

/** Runs one piece of work again and again, never twice at a time, at the earliest time that anybody asked for. */
export class Alarm {
  readonly #work: () => Promise<void>;
  readonly #restMs: number;
  #timer: NodeJS.Timeout | undefined;
  #due = Infinity;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #endedAt = -Infinity;
  #off = false;

  /** restMs: least time between the end of one run and the next that `in` asks for. The work must not reject. */
  constructor(work: () => Promise<void>, restMs: number) {
    this.#work = work;
    this.#restMs = restMs;
  }

  /** Sees to a run in at most ms milliseconds, or as soon as the rest is over. Keeps no process alive. */
  in(ms: number): void {
    const now = performance.now();
    const rested = (this.#running === undefined ? this.#endedAt : now) + this.#restMs;
    const due = Math.max(now + ms, rested);
    if (this.#off || due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => void this.now(), Math.max(0, due - now));
    this.#timer.unref();
  }

  /** Resolves after a run that began after this call; all who ask during a run share the next. */
  now(): Promise<void> {
    this.#disarm();
    if (this.#off) return Promise.resolve();
    if (this.#running !== undefined) return (this.#next ??= this.#running.then(() => this.#run()));
    return this.#run();
  }

  /** Resolves when no run is under way and none will begin. */
  async off(): Promise<void> {
    this.#off = true;
    this.#disarm();
    await this.#running;
  }

  #run(): Promise<void> {
    this.#next = undefined;
    if (this.#off) return Promise.resolve();
    this.#running = this.#work().finally(() => {
      this.#running = undefined;
      this.#endedAt = performance.now();
    });
    return this.#running;
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#due = Infinity;
  }
}
