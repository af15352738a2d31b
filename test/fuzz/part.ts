import { performance } from "node:perf_hooks";
import type { Cleanup } from "../rig/temporary-site.ts";

/** One subject of the fuzzing. */
export interface Part {
  readonly name: string;
  /** What one message of it is, in the plural. */
  readonly unit: string;
  /** Rejects with what was found. */
  run(run: Run): Promise<void>;
}

export interface Limits {
  /** Of the first message; message n has the seed behind it by n. */
  readonly seed: number;
  readonly messages: number;
  readonly seconds: number;
  /** That are served at the same time in live parts; one of them is hostile. */
  readonly sites: number;
  /** Only what has to be over at once is waited for, and not what a long time limit ends. */
  readonly hurried: boolean;
}

/** A message after which something is not as it has to be. */
export class Finding extends Error {
  override readonly name = "Finding";
  /** With this seed and so many messages it is found again. */
  readonly seed: number;
  readonly messages: number;

  constructor(seed: number, message: string, messages = 1) {
    super(message);
    this.seed = seed >>> 0;
    this.messages = messages;
  }
}

const LOOK_AT_CLOCK_EVERY = 64;

/** A part under way: gives its seeds out until a limit is reached, and ends what it has started. */
export class Run implements Cleanup {
  readonly limits: Limits;
  /** How many messages had which outcome. */
  readonly outcomes = new Map<string, number>();
  done = 0;
  #until: number;
  readonly #actions: (() => Promise<void>)[] = [];

  constructor(limits: Limits) {
    this.limits = limits;
    this.#until = performance.now() + limits.seconds * 1000;
  }

  /** Of the message that is next. */
  get seed(): number {
    return (this.limits.seed + this.done) >>> 0;
  }

  get over(): boolean {
    return this.done >= this.limits.messages || performance.now() > this.#until;
  }

  /** The time of a part that has something to start begins behind that. */
  startClock(): void {
    this.#until = performance.now() + this.limits.seconds * 1000;
  }

  /** One after another. Between two of them, every now and then, other things of this process have their turn. */
  async each(message: (seed: number) => void | Promise<void>): Promise<void> {
    while (!this.over) {
      for (let count = 0; count < LOOK_AT_CLOCK_EVERY && this.done < this.limits.messages; count += 1) {
        await this.#one(message);
        if (performance.now() > this.#until) break;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** For what is fast: without a promise for each of them. */
  async eachAtOnce(message: (seed: number) => void): Promise<void> {
    while (!this.over) {
      for (let count = 0; count < LOOK_AT_CLOCK_EVERY && this.done < this.limits.messages; count += 1) {
        const { seed } = this;
        try {
          message(seed);
        } catch (error) {
          throw asFinding(error, seed);
        }
        this.done += 1;
      }
      if (this.done % (LOOK_AT_CLOCK_EVERY * 64) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** So many at the same time; `check` looks at what they left. */
  async batches(size: number, message: (seed: number) => Promise<void>, check: () => void | Promise<void>) {
    while (!this.over) {
      const { seed } = this;
      const count = Math.min(size, this.limits.messages - this.done);
      const seeds = Array.from({ length: count }, (_, index) => (seed + index) >>> 0);
      try {
        await Promise.all(seeds.map((each) => message(each)));
        await check();
      } catch (error) {
        throw asFinding(error, seed, count);
      }
      this.done += count;
    }
  }

  count(outcome: string, times = 1): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + times);
  }

  after(action: () => Promise<void>): void {
    this.#actions.push(action);
  }

  /** The last that was started ends first. */
  async cleanUp(): Promise<void> {
    for (const action of this.#actions.splice(0).reverse()) await action();
  }

  async #one(message: (seed: number) => void | Promise<void>): Promise<void> {
    const { seed } = this;
    try {
      await message(seed);
    } catch (error) {
      throw asFinding(error, seed);
    }
    this.done += 1;
  }
}

function asFinding(error: unknown, seed: number, messages = 1): Finding {
  if (error instanceof Finding) return error;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Finding(seed, text, messages);
}
