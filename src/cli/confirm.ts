import { createInterface } from "node:readline/promises";
import { printableLines } from "../printable.ts";

/** A question that a person answers with yes or no. Anything else than y or yes, and the end of the input, is a no. */
export type Confirm = (question: string) => Promise<boolean>;

/** Asks on stderr, since stdout is for results; undefined where nobody sits at a terminal. */
export function confirmOnTerminal(signal: AbortSignal): Confirm | undefined {
  const { stdin: input, stderr: output } = process;
  if (!input.isTTY || !output.isTTY) return undefined;
  return async (question) => {
    // Not as a terminal of readline's own: Ctrl+C is to be the signal that ends every verb.
    const lines = createInterface({ input, output, terminal: false });
    try {
      const ended = new Promise<string>((done) => lines.once("close", () => done("")));
      const answer = await Promise.race([
        lines.question(`${printableLines(question)} [y/N] `, { signal }),
        ended,
      ]);
      return /^y(es)?$/i.test(answer.trim());
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      lines.close();
    }
  };
}
