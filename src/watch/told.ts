/** What the looks at a site found to tell: each is told once for as long as it is so, and anew after it was otherwise. */
export class Told {
  #before = new Map<string, string>();
  #now = new Map<string, string>();

  /** Tells, unless the same is known of this subject. A fact is rather a code or a name than a text, which may differ where nothing does. */
  once(subject: string, fact: string, tell: () => void): void {
    const known = this.#now.get(subject) ?? this.#before.get(subject);
    this.#now.set(subject, fact);
    if (known !== fact) tell();
  }

  /** What was known of this subject still holds for all that this look can say. */
  keep(subject: string): void {
    const known = this.#before.get(subject);
    if (known !== undefined && !this.#now.has(subject)) this.#now.set(subject, known);
  }

  /** A look that failed could tell nothing about what was known. */
  keepAll(): void {
    for (const subject of this.#before.keys()) this.keep(subject);
  }

  /** Forgets what was not so any more in this look. */
  endLook(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }
}
