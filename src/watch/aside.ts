import { setTimeout as delay } from "node:timers/promises";

interface Work<Result> {
  readonly result: Promise<Result>;
  readonly controller: AbortController;
  over: boolean;
  asked: boolean;
}

/** Work that may take long, each under its name: what is not done soon goes on, while other things are looked at. */
export class Aside<Result> {
  readonly #soonMs: number;
  readonly #works = new Map<string, Work<Result>>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  /** soonMs: so long is waited for work that was begun just now. */
  constructor(soonMs: number) {
    this.#soonMs = soonMs;
  }

  /** What the work gave or threw, once; undefined: it goes on, ask again. Work that is known by the name is not begun. */
  async ask(name: string, work: (signal: AbortSignal) => Promise<Result>): Promise<Result | undefined> {
    const known = this.#works.get(name);
    const asked = known ?? this.#begin(name, work);
    asked.asked = true;
    if (known === undefined) await this.#waitFor(asked);
    if (!asked.over) return undefined;
    this.#works.delete(name);
    return await asked.result;
  }

  /** Gives up what nobody has asked for since this was called last. */
  giveUpUnasked(): void {
    for (const [name, work] of this.#works) {
      if (!work.asked) {
        work.controller.abort();
        this.#works.delete(name);
      }
      work.asked = false;
    }
  }

  /** Gives up everything, also what is begun from now on; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running);
  }

  #begin(name: string, work: (signal: AbortSignal) => Promise<Result>): Work<Result> {
    const controller = new AbortController();
    const result = work(AbortSignal.any([controller.signal, this.#closing.signal]));
    const begun: Work<Result> = { result, controller, over: false, asked: true };
    this.#works.set(name, begun);
    const end = result.then(
      () => (begun.over = true),
      () => (begun.over = true),
    );
    this.#running.add(end);
    void end.then(() => this.#running.delete(end));
    return begun;
  }

  async #waitFor({ result }: Work<Result>): Promise<void> {
    const waited = new AbortController();
    const soon = delay(this.#soonMs, undefined, { signal: waited.signal }).catch(() => undefined);
    await Promise.race([result.catch(() => undefined), soon]);
    waited.abort();
  }
}
