/** How much of a child's output is kept, characters; the module keeps as much for the event log. */
export const OUTPUT_TAIL_CHARS = 30_000;

/** How many lines of what failed are told. */
const TOLD_LINES = 20;
/** Of a stack trace: `at` of JavaScript, Java and .NET, `from` of Ruby. */
const FRAME = /^\s+(?:at|from|\.\.\.) /;
/** As JavaScript, Python, Ruby, Java, .NET and Go name one. */
const ERROR =
  /^(?:Uncaught |Unhandled exception\. |Exception in thread "[^"]*" )?[\w.]*(?:Error|Exception)(?: \[\w+\])?: |^panic: |\(\w+Error\)$/;
/** So many of its frames say where. */
const TOLD_FRAMES = 2;
/** Where an error is thrown is seldom where it is caused. */
const FOREIGN = [/[/\\]node_modules[/\\]/, /\bnode:/];

/** The last lines of what a process wrote that has failed, with its error: stack traces, which come last, are shortened to two frames, those of the app first. */
export function toldLines(text: string): string[] {
  const told: string[] = [];
  let run: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (FRAME.test(line)) run.push(line);
    else {
      told.push(...tellingFrames(run), line);
      run = [];
    }
  }
  told.push(...tellingFrames(run));
  return told.filter((line) => line.trim() !== "").slice(-TOLD_LINES);
}

/** The line of what was told that names the error; undefined where none does. The last one: of causes, the first comes last. */
export function errorIn(told: readonly string[]): string | undefined {
  return told.findLast((line) => ERROR.test(line))?.trim();
}

function tellingFrames(run: readonly string[]): string[] {
  const foreign = (frame: string): number => FOREIGN.findIndex((kind) => kind.test(frame));
  const told = new Set([...run].sort((a, b) => foreign(a) - foreign(b)).slice(0, TOLD_FRAMES));
  return run.filter((frame) => told.delete(frame));
}

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

  /** What of it is told of a process that failed. */
  told(): string[] {
    return toldLines(this.text());
  }
}
