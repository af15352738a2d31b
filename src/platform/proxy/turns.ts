import { guardedBy, type Guarded } from "./boundary.ts";

/**
 * Takes one step after another in a loop, however a step asks for the next from inside itself, and gives others their turn
 * after `most` steps.
 */
export class Turns<O extends Guarded> {
  readonly #owner: O;
  readonly #most: number;
  readonly #step: (owner: O) => boolean;
  #under = false;

  /** `step` gives whether there may be a further one. */
  constructor(owner: O, most: number, step: (owner: O) => boolean) {
    this.#owner = owner;
    this.#most = most;
    this.#step = step;
  }

  take(): void {
    if (this.#under) return;
    this.#under = true;
    for (let taken = 0; taken < this.#most; taken += 1) {
      if (this.#step(this.#owner)) continue;
      this.#under = false;
      return;
    }
    setImmediate(
      guardedBy(this.#owner, () => {
        this.#under = false;
        this.take();
      }),
    );
  }
}
