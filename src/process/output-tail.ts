/** How much of a child's output is kept, characters; the module keeps as much for the event log. */
export const OUTPUT_TAIL_CHARS = 30_000;

/** The last output of a process, bounded. */
export class OutputTail {
  #text = "";

  add(chunk: Buffer): void {
    const text = this.#text + chunk.toString("utf8");
    // Cut only when twice as much has come, so that a chatty child costs no copy per line.
    this.#text = text.length > 2 * OUTPUT_TAIL_CHARS ? text.slice(-OUTPUT_TAIL_CHARS) : text;
  }

  text(): string {
    return this.#text.slice(-OUTPUT_TAIL_CHARS);
  }

  lines(count: number): string[] {
    return this.text().trimEnd().split(/\r?\n/).slice(-count);
  }
}
