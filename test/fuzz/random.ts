/** Numbers that follow from a seed alone, so that what they made can be made again. (mulberry32, a public-domain generator.) */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
    // Neighbouring seeds begin alike otherwise.
    this.#state = Math.imul(this.uint32() ^ 0x9e3779b9, 0x85ebca6b);
  }

  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 to limit - 1. */
  below(limit: number): number {
    return this.uint32() % limit;
  }

  /** True once in so many times. */
  onceIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }

  /** Latin-1 text of random bytes. */
  noise(length: number): string {
    let text = "";
    for (let count = 0; count < length; count += 1) text += String.fromCharCode(this.below(256));
    return text;
  }

  list<T>(length: number, make: () => T): T[] {
    return Array.from({ length }, make);
  }

  /** The text with so many small changes: a piece put in, taken out, repeated, or one byte replaced. */
  mutated(text: string, changes: number, pieces: readonly [string, ...string[]]): string {
    let changed = text;
    for (let count = 0; count < changes; count += 1) {
      const at = this.below(changed.length + 1);
      const [before, after] = [changed.slice(0, at), changed.slice(at)];
      switch (this.below(5)) {
        case 0:
        case 1:
          changed = before + this.pick(pieces) + after;
          break;
        case 2:
          changed = before + after.slice(1 + this.below(3));
          break;
        case 3:
          changed = before + String.fromCharCode(this.below(256)) + after.slice(1);
          break;
        default:
          changed = before + after.slice(0, 1 + this.below(12)) + after;
      }
    }
    return changed;
  }

  /** The bytes in one piece, or cut at random places. */
  cut(bytes: Buffer): Buffer[] {
    if (bytes.length < 2 || this.onceIn(3)) return [bytes];
    const pieces: Buffer[] = [];
    const longest = bytes.length < 500 && this.onceIn(3) ? 3 : bytes.length;
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + this.below(longest);
      pieces.push(bytes.subarray(at, end));
      at = end;
    }
    return pieces;
  }
}
