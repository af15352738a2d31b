/** The system's message of a temporary file holds its name, which is a fresh one each time. */
const FRESH_NAMES = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=\.|archive-)[0-9a-f]{12}(?![0-9a-f])/g;

/** What the looks at a site found to tell: each is told once for as long as it is so, and anew after it was otherwise. */
export class Told {
  #before = new Map<string, string>();
  #now = new Map<string, string>();

  /** Tells, unless the same is known of this subject. */
  once(subject: string, fact: string, tell: () => void): void {
    const lasting = fact.replace(FRESH_NAMES, "");
    const known = this.#now.get(subject) ?? this.#before.get(subject);
    this.#now.set(subject, lasting);
    if (known !== lasting) tell();
  }

  /** What was known of this subject still holds for all that this look can say. */
  keep(subject: string): void {
    const known = this.#before.get(subject);
    if (known !== undefined && !this.#now.has(subject)) this.#now.set(subject, known);
  }

  /** Forgets what was not so any more in this look. */
  endLook(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }
}
