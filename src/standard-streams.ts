import { fstatSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { systemCode } from "./errors.ts";

/** What waits for a reader that stands still; what comes beyond it is lost. Bytes. */
export const MOST_WAITING_BYTES = 1024 * 1024;
/** What a piece of output takes up beside its bytes, about. */
const PIECE_BYTES = 256;

/** The part of a stream that is used here; `_handle` is what Node keeps below a pipe or a terminal. */
type Stream = NodeJS.WritableStream & {
  readonly writableLength?: number;
  readonly isTTY?: boolean;
  readonly _handle?: { readonly setBlocking?: (blocking: boolean) => void } | null;
};

/**
 * stdout or stderr as a place for lines that never decides over the life of this process: a reader that has gone costs
 * lines, one that stands still costs those beyond MOST_WAITING_BYTES, and both are told how many when they read again.
 * Nothing waits for a reader, and writing never throws.
 */
export class StandardStream {
  readonly #descriptor: 1 | 2;
  readonly #name: "stdout" | "stderr";
  #opened: Stream | undefined;
  /** Pieces that came since nothing waited. */
  #pieces = 0;
  #lostLines = 0;
  #lostBytes = 0;
  #atLineStart = true;
  #failure: Error | undefined;

  constructor(descriptor: 1 | 2) {
    this.#descriptor = descriptor;
    this.#name = descriptor === 1 ? "stdout" : "stderr";
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Whether the journal of systemd reads it, which puts the time to each line. */
  get isJournal(): boolean {
    const journal = process.env["JOURNAL_STREAM"];
    if (!journal) return false;
    try {
      const { dev, ino } = fstatSync(this.#descriptor);
      return journal === `${dev}:${ino}`;
    } catch {
      return false;
    }
  }

  /** May be lost. */
  write(chunk: string | Uint8Array): void {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    if (bytes.length === 0) return;
    if (this.#waitingBytes > MOST_WAITING_BYTES) this.#lose(bytes);
    else this.#send(bytes);
  }

  /** What somebody asked for: it waits for its reader, however long it is, and is lost with it alone. */
  writeResult(text: string): void {
    this.#send(Buffer.from(text), (error) => {
      if (!GONE.has(systemCode(error))) this.#failure ??= error;
    });
  }

  /** Why a result was lost that somebody still waits for: a full disk, say. Known once it is written. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Resolves once all is with its reader, or nobody reads it any more, or after so long: true, unless that came first. */
  async written(limitMs: number): Promise<boolean> {
    const stream = this.#stream;
    if ((stream.writableLength ?? 0) === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      if (Number.isFinite(limitMs)) timer = setTimeout(resolve, limitMs, false);
    });
    const written = new Promise<boolean>((resolve) => void stream.write("", () => resolve(true)));
    return await Promise.race([written, late]).finally(() => clearTimeout(timer));
  }

  get #stream(): Stream {
    return (this.#opened ??= this.#open());
  }

  #open(): Stream {
    const stream = process[this.#name] as Stream;
    // Node reports each failed write here, and without a listener it would end the process.
    stream.on("error", () => undefined);
    stream.on("drain", () => this.#drained());
    // Node lets a terminal, and on Windows a pipe, hold up everything else in this process until somebody reads.
    stream._handle?.setBlocking?.(false);
    return stream;
  }

  get #waitingBytes(): number {
    const waiting = this.#stream.writableLength ?? 0;
    if (waiting === 0) this.#pieces = 0;
    return waiting + this.#pieces * PIECE_BYTES;
  }

  #send(bytes: Uint8Array, onFailure?: (error: Error) => void): void {
    const [lines, size] = [this.#lostLines, this.#lostBytes];
    const whole = size === 0 ? bytes : Buffer.concat([Buffer.from(this.#lossTold()), bytes]);
    this.#lostLines = this.#lostBytes = 0;
    this.#pieces += 1;
    this.#stream.write(whole, (error) => {
      if (!error) return;
      onFailure?.(error);
      this.#lostLines += lines;
      this.#lostBytes += size;
      this.#lose(bytes);
    });
    if (bytes.length > 0) this.#atLineStart = bytes.at(-1) === NEWLINE;
  }

  #lose(bytes: Uint8Array): void {
    for (const byte of bytes) if (byte === NEWLINE) this.#lostLines += 1;
    this.#lostBytes += bytes.length;
  }

  #lossTold(): string {
    const lines = `${this.#lostLines} ${this.#lostLines === 1 ? "line" : "lines"}`;
    return `${this.#atLineStart ? "" : "\n"}inplace: nobody read this output for a while: ${lines} (${this.#lostBytes} bytes) are lost\n`;
  }

  #drained(): void {
    this.#pieces = 0;
    if (this.#lostBytes > 0) this.#send(new Uint8Array());
  }
}

const NEWLINE = 0x0a;
/** How it is said that the reader does not want more: Windows says EOF. */
const GONE: ReadonlySet<string | undefined> = new Set(["EPIPE", "EOF", "ECONNRESET"]);

export const standardOutput = new StandardStream(1);
export const standardError = new StandardStream(2);

/** Resolves once both are written, or nobody reads them, or after so long: then false, and what is left is given up. */
export async function outputWritten(limitMs: number): Promise<boolean> {
  const written = await Promise.all([standardOutput.written(limitMs), standardError.written(limitMs)]);
  // Node tells of a failed write in the next turn.
  await nextTurn();
  return written.every(Boolean);
}
