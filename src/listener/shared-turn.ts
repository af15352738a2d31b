import { wholeTurn } from "./accept-drain.ts";

/** Thousands of connections are closed so many a turn, that those which still have requests do not wait for it. */
const SLICE = 250;

/** Calls back after a whole turn of the event loop, in which waiting bytes were read; all calls of one turn share it. */
export class SharedTurn {
  #waiting: (() => void)[] = [];
  #dropped = false;

  after(call: () => void): void {
    this.#waiting.push(call);
    if (this.#waiting.length > 1) return;
    void wholeTurn().then(() => {
      const due = this.#waiting;
      this.#waiting = [];
      this.#run(due);
    });
  }

  /** What waits, and what will, is not called. */
  drop(): void {
    this.#dropped = true;
  }

  #run(due: readonly (() => void)[]): void {
    if (this.#dropped) return;
    for (const each of due.slice(0, SLICE)) each();
    if (due.length > SLICE) setImmediate(() => this.#run(due.slice(SLICE)));
  }
}
